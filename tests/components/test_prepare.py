"""Prepare makes the histories that the paper's authors trained on, or says why there are none."""

import csv
import gzip
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from adrec import config
from adrec.data import interactions
from adrec.data.catalogue import Catalogue
from adrec.data.dataset import Dataset
from adrec.data.histories import Histories
from components import finetune, ingest, prepare, pretrain, warmup
from components.evaluate import step as evaluate


@pytest.fixture
def section(tiny: dict) -> config.Prepare:
    return tiny["prepare"]


def prepared(data_steps: Path, section: config.Prepare, dataset: Path) -> Dataset:
    prepare.run(
        interactions=data_steps / "interactions.parquet",
        versioned=data_steps / "versioned.json",
        prepare=section,
        dataset=dataset,
    )
    return Dataset.read(dataset)


def test_the_dataset_knows_its_version_and_its_demo_world(
    data_steps: Path, section: config.Prepare, tiny: dict, tiny_dataset: Path, tmp_path: Path
) -> None:
    dataset = prepared(data_steps, section, tmp_path / "dataset")
    assert dataset.about["data_tag"] == "interactions-v1"
    assert len(dataset.about["data_hash"]) == 32
    expected = Dataset.read(tiny_dataset)
    assert dataset.about["demo"] == {"items": tiny["ingest"].demo_items, "seed": tiny["ingest"].demo_seed}
    for key in ("catalogue_hash", "users", "items", "interactions"):
        assert dataset.about[key] == expected.about[key]


def test_the_same_interactions_make_the_same_bytes(data_steps: Path, section: config.Prepare, tmp_path: Path) -> None:
    for name in ("one", "two"):
        prepared(data_steps, section, tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_a_file_that_is_missing_or_something_else_is_named(
    data_steps: Path, section: config.Prepare, tmp_path: Path
) -> None:
    for error, sentence in ((FileNotFoundError, "there are no interactions at"), (ValueError, "is no Parquet file")):
        with pytest.raises(error, match=sentence):
            prepare.run(
                interactions=tmp_path / "thesis.txt",
                versioned=data_steps / "versioned.json",
                prepare=section,
                dataset=tmp_path / "dataset",
            )
        (tmp_path / "thesis.txt").write_text("mine, and long enough to hold a footer")


@pytest.mark.usefixtures("small_spark")
def test_either_engine_makes_the_same_bytes(data_steps: Path, section: config.Prepare, tmp_path: Path) -> None:
    for engine in ("local", "spark"):
        prepared(data_steps, replace(section, engine=engine), tmp_path / engine)
    for path in (tmp_path / "local").iterdir():
        assert path.read_bytes() == (tmp_path / "spark" / path.name).read_bytes()


def test_histories_with_nothing_to_learn_from_are_refused(
    data_steps: Path, section: config.Prepare, tmp_path: Path
) -> None:
    rows = interactions.read(data_steps / "interactions.parquet").group_by("user_id", maintain_order=True).head(3)
    interactions.write(rows, tmp_path / "short.parquet", {})
    with pytest.raises(ValueError, match=r"one interaction to train on.*somebody needs at least 4"):
        prepare.run(
            interactions=tmp_path / "short.parquet",
            versioned=data_steps / "versioned.json",
            prepare=replace(section, core=1),
            dataset=tmp_path / "dataset",
        )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"core": 10_000}, "prepare.core = 10000 leaves none of"),
        ({"core": 1}, "prepare.core = 1 leaves 1 users with fewer than 3 interactions"),
        ({"min_rating": 6.0}, "prepare.min_rating = 6 leaves none of"),
        (
            {"split": "global_time", "validation_from": 1e-6, "test_from": 0.5},
            "prepare.validation_from = 1e-06 and test_from = 0.5 leave no users to train on",
        ),
    ],
)
def test_a_section_that_leaves_too_little_is_named_and_writes_nothing(
    data_steps: Path, section: config.Prepare, tmp_path: Path, changes: dict, sentence: str
) -> None:
    rows = interactions.read(data_steps / "interactions.parquet").with_columns(rating=pl.lit(5.0))
    lonely = rows.head(1).with_columns(user_id=pl.lit("lonely"))
    interactions.write(pl.concat([rows, lonely]), tmp_path / "rated.parquet", {})
    with pytest.raises(ValueError, match=sentence):
        prepare.run(
            interactions=tmp_path / "rated.parquet",
            versioned=data_steps / "versioned.json",
            prepare=replace(section, **changes),
            dataset=tmp_path / "dataset",
        )
    assert [path.name for path in tmp_path.iterdir()] == ["rated.parquet"]


@pytest.fixture(scope="module")
def by_time(data_steps: Path, tiny: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the steps from prepare to evaluate make of the tiny world when its future is held out."""
    folder = tmp_path_factory.mktemp("by-time")
    prepared(data_steps, replace(tiny["prepare"], split="global_time"), folder / "dataset")
    common = {"dataset": folder / "dataset", "model": tiny["model"]}
    pretrain.run(**common, pretrain=tiny["pretrain"], pretrained=folder / "pretrained")
    warmup.run(**common, pretrained=folder / "pretrained", warmup=tiny["warmup"], warmed=folder / "warmed")
    finetune.run(**common, warmed=folder / "warmed", finetune=tiny["finetune"], finetuned=folder / "finetuned")
    outputs = {"winner": folder / "winner", "metrics": folder / "metrics.json", "report": folder / "report.html"}
    candidates = {"pretrained": folder / "pretrained", "finetuned": folder / "finetuned"}
    evaluate.run(dataset=folder / "dataset", **candidates, evaluate=tiny["evaluate"], **outputs)
    return folder


def test_a_split_by_time_is_trained_and_measured_without_the_future(by_time: Path) -> None:
    data = Dataset.read(by_time / "dataset")
    metrics = json.loads((by_time / "metrics.json").read_text())
    assert data.training.timestamps.max() < data.target_times("validation").min()
    assert data.target_times("validation").max() < data.target_times("test").min()
    assert metrics["protocol"]["split"] == "global time"
    assert metrics["protocol"]["leakage"] == 0
    assert 0 < metrics["users"] == len(data.examples("test")[1]) < len(data.histories)
    assert metrics["models"]["oracle"]["NDCG@20"] > metrics["models"]["popularity"]["NDCG@20"]
    assert "leaks nothing" in (by_time / "report.html").read_text()


def test_leave_one_out_says_how_much_of_the_future_it_leaks(tiny_run: Path, tiny_dataset: Path) -> None:
    data = Dataset.read(tiny_dataset)
    known, asked = data.training.timestamps, data.target_times("test")
    metrics = json.loads((tiny_run / "metrics.json").read_text())
    expected = np.mean([(known > moment).mean() for moment in asked])
    assert metrics["protocol"]["leakage"] == pytest.approx(expected)
    assert f"{100 * expected:.1f} % happened after the target" in (tiny_run / "report.html").read_text()


@pytest.mark.data
def test_movielens_gives_the_sequences_of_the_paper_for_all_938_users(
    tiny: dict, section: config.Prepare, tmp_path: Path
) -> None:
    if "ADREC_DATA_DIR" not in os.environ:
        pytest.skip("ADREC_DATA_DIR names no folder with the real datasets")
    folder = Path(os.environ["ADREC_DATA_DIR"]) / "ml-100k"
    source = replace(tiny["ingest"], source=str(folder / "u.data"), format="movielens")
    ingest.run(ingest=source, interactions=tmp_path / "interactions.parquet", rejects=tmp_path / "rejects.csv")
    (tmp_path / "versioned.json").write_text('{"data_hash": "0", "tag": "interactions-v1"}')
    dataset = prepared(tmp_path, section, tmp_path / "dataset")
    with gzip.open(folder / "paper_sequences.csv.gz", "rt", newline="") as file:
        paper: dict[str, list[int]] = {}
        for row in csv.DictReader(file):
            sequence = paper.setdefault(row["user_id"], [])
            assert int(row["position"]) == len(sequence), "the file is in order"
            sequence.append(int(row["item_id"]))
    assert len(dataset.histories) == 938
    assert [items.tolist() for items in dataset.histories] == [paper[str(user)] for user in range(938)]


def test_histories_that_are_not_fit_for_training_are_not_handed_on(
    data_steps: Path, section: config.Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = prepare.build

    def unsorted(*arguments: Any) -> tuple[Catalogue, Histories]:
        catalogue, histories = build(*arguments)
        return catalogue, replace(histories, timestamps=histories.timestamps[::-1].copy())

    monkeypatch.setattr(prepare, "build", unsorted)
    with pytest.raises(ValueError, match="not fit for training: expected that every history is in order of time"):
        prepared(data_steps, section, tmp_path / "dataset")
    assert not list(tmp_path.iterdir())


def of_times(*times: list[int]) -> Histories:
    """The histories of users who had the same item at these times."""
    offsets = np.concatenate([[0], np.cumsum([len(some) for some in times])])
    items, users = np.ones(offsets[-1], dtype=np.int32), tuple(f"user {n}" for n in range(len(times)))
    return Histories(users, items, np.concatenate(times), offsets)


def test_a_moment_before_which_everybody_has_one_interaction_leaves_nothing_to_learn_from(
    section: config.Prepare,
) -> None:
    changed = replace(section, split="global_time", validation_from=0.4, test_from=0.7)
    everybody = [[user, 100 + user, 200 + user] for user in range(4)]
    with pytest.raises(ValueError, match="leave no users to train on"):
        prepare.global_time(of_times(*everybody), changed)
    prepare.global_time(of_times(*everybody, [5, 6, 100, 200]), changed)


def test_a_user_with_two_interactions_is_one_too_few_for_three_parts(section: config.Prepare) -> None:
    with pytest.raises(ValueError, match="leaves 1 users with fewer than 3 interactions"):
        prepare.leave_one_out(of_times([1, 2, 3, 4], [1, 2]), section)
    prepare.leave_one_out(of_times([1, 2, 3, 4], [1, 2, 3]), section)
