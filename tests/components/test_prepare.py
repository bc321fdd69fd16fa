"""Prepare makes the histories that the paper's authors trained on, or says why there are none."""

import csv
import gzip
import os
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from adrec import config, interactions
from adrec.sequences import Dataset
from components import ingest, prepare


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


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"core": 10_000}, "prepare.core = 10000 leaves none of"),
        ({"core": 1}, "prepare.core = 1 leaves 1 users with fewer than 3 interactions"),
        ({"min_rating": 6.0}, "prepare.min_rating = 6 leaves none of"),
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
