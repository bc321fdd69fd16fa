"""The online store among several writers: nobody writes over what another wrote in the meantime."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import filelock
import pytest

from adrec.config import Publish
from features import events, online, store
from tests.features.conftest import at_seconds, interactions

NINE = datetime.fromtimestamp(9, UTC)


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda _, settings: store.publish(interactions(ann=["a", "b"]), settings), ["a", "b", "live"]),
        (lambda opened, _: store.append_all(opened, at_seconds([("ann", "late", 0)])), ["a", "late", "live"]),
    ],
    ids=["publish", "append_all"],
)
def test_an_event_that_comes_while_histories_are_filled_is_kept(
    folder: Path, settings: Publish, monkeypatch: pytest.MonkeyPatch, write: Callable, expected: list[str]
) -> None:
    store.publish(interactions(ann=["a"]), settings)
    opened = store.open_store()
    fill = online.fill

    def overtaken(*arguments: Any) -> None:
        store.append(opened, "ann", "live", NINE)
        fill(*arguments)

    monkeypatch.setattr(online, "fill", overtaken)
    write(opened, settings)
    assert store.history(opened, "ann") == expected


def test_an_append_holds_the_lock_from_before_it_reads_until_it_has_written(
    folder: Path, settings: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.publish(interactions(ann=["a"]), settings)
    opened = store.open_store()
    seen = []

    def watched(name: str, function: Callable) -> Callable:
        def call(*arguments: Any) -> Any:
            seen.append((f"before {name}", held(opened)))
            answer = function(*arguments)
            seen.append((f"after {name}", held(opened)))
            return answer

        return call

    for module, name in ((events, "add"), (store, "_read"), (online, "push")):
        monkeypatch.setattr(module, name, watched(name, getattr(module, name)))
    store.append(opened, "ann", "live", NINE)
    assert seen == [(f"{moment} {name}", True) for name in ("add", "_read", "push") for moment in ("before", "after")]
    assert not held(opened), "it is given back"


def held(opened: store.Store) -> bool:
    """Whether some writer has the lock."""
    lock: Any = online.writing(opened.feast)
    with suppress(filelock.Timeout):  # of a file's lock; Redis' answers no
        if lock.acquire(blocking=False):
            lock.release()
            return False
    return True
