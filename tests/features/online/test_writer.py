"""The online store among several writers: nobody writes over what another wrote in the meantime."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from filelock import FileLock, Timeout

from adrec.config import Publish
from features import event_log, store
from features import settings as places
from features.online import writer
from tests.features.conftest import at_seconds, interactions

ROOT = Path(__file__).parents[3]
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
    fill = writer.fill

    def overtaken(*arguments: Any) -> None:
        store.append(opened, "ann", "live", NINE)
        fill(*arguments)

    monkeypatch.setattr(writer, "fill", overtaken)
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
            seen.append((f"before {name}", held(folder)))
            answer = function(*arguments)
            seen.append((f"after {name}", held(folder)))
            return answer

        return call

    for module, name in ((event_log, "add"), (store, "_read"), (writer, "push")):
        monkeypatch.setattr(module, name, watched(name, getattr(module, name)))
    store.append(opened, "ann", "live", NINE)
    assert seen == [(f"{moment} {name}", True) for name in ("add", "_read", "push") for moment in ("before", "after")]
    assert not held(folder), "it is given back"


def held(folder: Path) -> bool:
    """Whether some writer has the store's lock: a key on the server, or a file beside the database."""
    if address := os.environ.get(places.REDIS_VARIABLE):
        return bool(redis.Redis.from_url(f"redis://{address}").exists("adrec:writing"))
    try:
        FileLock(folder / "online.db.lock").acquire(blocking=False).lock.release()
    except Timeout:
        return True
    return False


KILLED = """
import os, signal
from features import store
from features.online import writer
with writer.writing(store.open_store().feast):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["redis"], indirect=True)
def test_a_writer_that_died_with_the_lock_in_redis_loses_it_within_half_a_minute(
    folder: Path, redis_server: str, settings: Publish
) -> None:
    store.publish(interactions(ann=["a"]), settings)
    died = subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert died.returncode == -signal.SIGKILL
    server = redis.Redis.from_url(f"redis://{redis_server}")
    assert 0 < server.ttl("adrec:writing") <= 30
    server.pexpire("adrec:writing", 1)  # as if the time had passed
    store.append(store.open_store(), "ann", "live", NINE)
    assert store.history(store.open_store(), "ann") == ["a", "live"]
