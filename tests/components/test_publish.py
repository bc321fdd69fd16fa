"""The step that fills the feature store."""

import json
from pathlib import Path

import polars as pl
import pytest

from adrec import config
from adrec.data.dataset import Dataset
from adrec.data.interactions import read, write
from components import publish
from features import store
from tests.conftest import publication


@pytest.fixture
def published(
    params: dict[str, config.Section], demo_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """What the step tells after it published the whole demo into a store of its own."""
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(tmp_path / "features"))
    sections = {name: params[name] for name in ("prepare", "publish")}
    publish.run(**publication(demo_dataset), **sections, published=tmp_path / "published.json")
    return tmp_path / "published.json"


def test_the_online_history_of_every_user_is_the_training_history(
    params: dict[str, config.Section], demo_dataset: Path, published: Path
) -> None:
    dataset = Dataset.read(demo_dataset)
    opened = store.open_store()
    expected = [dataset.catalogue.decode(items) for items in dataset.histories.last(params["publish"].max_length)]
    assert len(expected) == params["ingest"].demo_users
    assert [store.history(opened, user) for user in dataset.histories.users] == expected


def test_what_was_published_is_told(demo_dataset: Path, published: Path) -> None:
    told = json.loads(published.read_text())
    dataset = Dataset.read(demo_dataset)
    assert told["feature_service"] == "recommender_v1"
    assert told["users"] == len(dataset.histories)
    assert told["interactions"] == len(dataset.histories.items)
    assert told["data_hash"] == dataset.about["data_hash"]


def test_a_user_who_is_too_short_for_training_is_published_with_what_was_liked(
    params: dict[str, config.Section], tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(tmp_path / "features"))
    inputs = publication(tiny_dataset)
    rows = read(inputs["interactions"]).with_columns(rating=pl.lit(5.0))
    few = rows.head(2).with_columns(user_id=pl.lit("newcomer"), rating=pl.Series([5.0, 1.0]))
    write(pl.concat([rows, few]), tmp_path / "interactions.parquet", {})
    sections = {name: params[name] for name in ("prepare", "publish")}
    changed = {**inputs, "interactions": tmp_path / "interactions.parquet"}
    publish.run(**changed, **sections, published=tmp_path / "published.json")
    assert store.history(store.open_store(), "newcomer") == few["item_id"].head(1).to_list()
    assert "newcomer" not in Dataset.read(tiny_dataset).histories.users
    assert json.loads((tmp_path / "published.json").read_text())["interactions"] == rows.height + 1
    later = few.with_columns(user_id=pl.lit("ann"))
    assert store.liked(store.open_store(), later).equals(later.head(1))  # a file of events is held to the same
