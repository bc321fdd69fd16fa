"""A user who is forgotten: nowhere in the store is anything left, and all others stay as they are."""

from pathlib import Path

import polars as pl
import pytest

from adrec.config import Publish
from features import event_log, ledger, store
from features import settings as places
from features.online import writer
from tests.features.conftest import at_seconds, interactions
from tests.features.test_store import second


@pytest.fixture
def opened(folder: Path, settings: Publish) -> store.Store:
    """A store of two users, each with an event beside what was published."""
    store.publish(interactions(ann=["a", "secret"], bob=["x", "a"]), settings)
    opened = store.open_store()
    store.append(opened, "bob", "y", second(8))
    store.append(opened, "ann", "secret too", second(9))
    store.refresh(opened)
    return opened


def test_nothing_of_a_forgotten_user_is_left_and_nothing_of_others_is_lost(folder: Path, opened: store.Store) -> None:
    assert store.forget(opened, "ann") == 3
    assert store.history(opened, "ann") is None
    assert store.history(opened, "bob") == ["x", "a", "y"]
    assert ledger.interactions()["user_id"].unique().to_list() == ["bob"]
    assert pl.read_parquet(folder / places.HISTORIES_FILE)["user_id"].unique().to_list() == ["bob"]
    assert {item for item, _ in store.popular(opened)} == {"x", "a", "y"}
    for file in folder.iterdir():
        assert b"secret" not in file.read_bytes(), file
    assert store.forget(opened, "ann") == 0


def test_events_after_one_that_was_forgotten_are_still_taken_in(opened: store.Store) -> None:
    before = event_log.newest()
    store.forget(opened, "ann")
    assert event_log.newest() == before
    event_log.add(at_seconds([("bob", "z", 10)]))
    assert event_log.read(before)["item_id"].to_list() == ["z"]
    store.refresh(opened)
    assert store.history(opened, "bob") == ["x", "a", "y", "z"]


def test_a_user_who_acts_again_is_known_from_then_on(opened: store.Store) -> None:
    store.forget(opened, "ann")
    store.append(opened, "ann", "new", second(11))
    assert store.history(opened, "ann") == ["new"]


def test_forgetting_that_was_killed_is_finished_by_the_same_call(
    folder: Path, opened: store.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(writer, "erase", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.forget(opened, "ann")
    store.forget(opened, "ann")
    assert store.history(opened, "ann") is None
    assert pl.read_parquet(folder / places.HISTORIES_FILE)["user_id"].unique().to_list() == ["bob"]


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_the_command_tells_how_much_went(
    sqlite_folder: Path, settings: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    from features.__main__ import main

    store.publish(interactions(ann=["a", "b"], bob=["x"]), settings)
    assert main(["forget", "ann"]) == 0
    assert main(["forget", "ann"]) == 0
    assert main(["forget", "bob"]) == 1
    said = capsys.readouterr()
    assert said.out.splitlines() == ["2 interactions of 'ann' are erased", "0 interactions of 'ann' are erased"]
    assert said.err.startswith("error: forget: the store knows of nobody but 'bob': remove its folder")
