"""The step that fills the feature store."""

import json
from pathlib import Path

import pytest

from adrec import config
from adrec.sequences import Dataset
from components import publish
from features import store


@pytest.fixture
def published(
    params: dict[str, config.Section], demo_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """What the step tells after it published the whole demo into a store of its own."""
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(tmp_path / "features"))
    publish.run(dataset=demo_dataset, publish=params["publish"], published=tmp_path / "published.json")
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
