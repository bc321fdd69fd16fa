"""Genres of MovieLens-100K, read from embeddings that saw nothing but who liked what when."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adrec import config
from adrec.data import interactions
from adrec.data.build import build_histories, keep_positives
from adrec.data.dataset import Dataset
from adrec.evaluation.geometry import gaussian_control
from adrec.evaluation.linear_probe import most_frequent, probe
from adrec.training import stages
from benchmarks.quality.genres import genre_table, read_genres, read_out
from components import ingest

GENRES = "item_genres.csv"
HASTE = {"epochs": 24, "evaluate_every": 24, "learning_rate": 0.003}  # half the epochs of the recipe do, so driven


def test_genres_are_one_column_each_and_an_item_may_have_none(tmp_path: Path) -> None:
    (tmp_path / GENRES).write_text("item_id,categories\n1,Drama|War\n2,\n3,Comedy\n")
    assert read_genres(tmp_path / GENRES).tolist() == [[False, True, True], [False] * 3, [True, False, False]]


def test_items_out_of_order_are_refused(tmp_path: Path) -> None:
    (tmp_path / GENRES).write_text("item_id,categories\n2,Drama\n1,Comedy\n")
    with pytest.raises(ValueError, match="count from 1"):
        read_genres(tmp_path / GENRES)


def test_every_table_and_frequency_stand_in_the_markdown_with_mean_and_deviation() -> None:
    labels = np.random.default_rng(0).random((40, 3)) < 0.5
    lines = genre_table(read_out({"gaussian": gaussian_control(40, 4)}, labels)).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| most_frequent", "| gaussian"]
    assert all(line.count("±") == 3 for line in lines[2:])


@pytest.mark.data
def test_trained_embeddings_tell_more_of_genres_than_chance_and_more_precisely_than_frequency(
    params: dict[str, config.Section], tmp_path: Path
) -> None:
    if "ADREC_DATA_DIR" not in os.environ:
        pytest.skip("ADREC_DATA_DIR names no folder with the real datasets")
    folder = Path(os.environ["ADREC_DATA_DIR"]) / "ml-100k"
    data, labels = movielens(folder, params, tmp_path), read_genres(folder / GENRES)
    assert len(labels) == len(data.catalogue)
    trained = embeddings(data, params)
    found, control, frequency = (
        probe(trained, labels),
        probe(gaussian_control(*trained.shape), labels),
        most_frequent(labels),
    )
    assert found.f1 > control.f1 + 0.1
    assert found.precision > frequency.precision > control.precision


def movielens(folder: Path, params: dict[str, config.Section], tmp_path: Path) -> Dataset:
    source = replace(params["ingest"], source=str(folder / "u.data"), format="movielens")
    ingest.run(ingest=source, interactions=tmp_path / "interactions.parquet", rejects=tmp_path / "rejects.csv")
    liked = keep_positives(interactions.read(tmp_path / "interactions.parquet"), params["prepare"].min_rating)
    return Dataset(*build_histories(liked, params["prepare"].core), {})


def embeddings(data: Dataset, params: dict[str, config.Section]) -> np.ndarray:
    stage = stages.pretrain_stage(replace(params["pretrain"], **HASTE))
    train_state = stages.begin(stage, params["model"], len(data.catalogue), {})
    for _ in stages.train(stage, train_state, data, params["model"]):
        pass
    return train_state.network.item_embedding.weight[1:].detach().cpu().numpy()
