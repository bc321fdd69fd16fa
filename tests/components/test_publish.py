import json

import pytest

from adrec.sequences import Dataset
from components import publish
from features import store


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(tmp_path / "features"))


def test_the_online_history_of_every_user_is_the_training_history(tiny, tiny_dataset, tmp_path, folder):
    publish.run(dataset=tiny_dataset, publish=tiny["publish"], published=tmp_path / "published.json")
    dataset = Dataset.read(tiny_dataset)
    opened = store.open_store()
    expected = [dataset.catalogue.decode(items) for items in dataset.histories.last(tiny["publish"].max_length)]
    assert len(expected) == len(dataset.histories.users) > 0
    assert [store.history(opened, user) for user in dataset.histories.users] == expected


def test_what_was_published_is_told(tiny, tiny_dataset, tmp_path, folder):
    publish.run(dataset=tiny_dataset, publish=tiny["publish"], published=tmp_path / "published.json")
    told = json.loads((tmp_path / "published.json").read_text())
    dataset = Dataset.read(tiny_dataset)
    assert told["feature_service"] == "recommender_v1"
    assert told["users"] == len(dataset.histories)
    assert told["interactions"] == dataset.histories.lengths.clip(max=told["max_length"]).sum()
    assert told["data_hash"] == dataset.about["data_hash"]
