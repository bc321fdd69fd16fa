"""Many writers at once, and writers that are killed: nothing is lost and nothing counts twice."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import redis

from adrec.config import Publish
from adrec.data.interactions import write
from features import settings as places
from features import store
from features.online import redis as redis_store
from tests.features.conftest import at_seconds, interactions

ROOT = Path(__file__).parents[2]
WRITERS, EACH = 3, 15

# Every writer sends events of one user, of its own and of times between those of the others.
WRITER = """
import sys
from datetime import UTC, datetime
from features import store
writer, each, writers = map(int, sys.argv[1:])
opened = store.open_store()
for n in range(each):
    time = datetime.fromtimestamp(n * writers + writer, UTC)
    store.append(opened, "ann", f"{n}-{writer}", time)
"""

# Appends a file, a few users at a time, and dies at the given moment.
KILLED = """
import os, signal, sys
from pathlib import Path
from adrec.data.interactions import read
from features import store
from features.online import writer
moment, file = int(sys.argv[1]), Path(sys.argv[2])
writer.AT_ONCE = 4
parts = 0
replace = writer.replace
def counted(*arguments):
    global parts
    parts += 1
    if parts == moment:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*arguments)
    if parts == -moment:
        os.kill(os.getpid(), signal.SIGKILL)
writer.replace = counted
store.append_all(store.open_store(), read(file))
"""


def python(program: str, *arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})


@pytest.mark.slow
def test_writers_at_once_on_one_user_lose_nothing(folder: Path, settings: Publish) -> None:
    store.publish(interactions(bob=["x"]), settings)
    writers = [python(WRITER, number, EACH, WRITERS) for number in range(WRITERS)]
    assert [writer.wait(timeout=120) for writer in writers] == [0] * WRITERS
    expected = [f"{n}-{writer}" for n in range(EACH) for writer in range(WRITERS)]
    assert store.history(store.open_store(), "ann") == expected


@pytest.mark.slow
def test_a_writer_who_waits_for_the_log_longer_than_the_lease_keeps_the_lock_on_redis(
    redis_server: str, sqlite_folder: Path, settings: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(places.REDIS_VARIABLE, redis_server)
    monkeypatch.setattr(redis_store, "LEASE", 2.0)
    store.publish(interactions(ann=["a"]), settings)
    opened = store.open_store()
    host, port = redis_server.split(":")
    server = redis.Redis(host=host, port=int(port))
    log = sqlite3.connect(sqlite_folder / places.EVENTS_FILE, isolation_level=None)
    log.execute("BEGIN EXCLUSIVE")
    with ThreadPoolExecutor(1) as in_thread:
        writing = in_thread.submit(store.append, opened, "ann", "b", datetime.fromtimestamp(9, UTC))
        try:
            while not server.exists("adrec:writing"):
                assert not writing.done()
            holders = set()
            for _ in range(40):
                holders.add(server.get("adrec:writing"))
                time.sleep(0.1)
        finally:
            log.execute("ROLLBACK")
        writing.result()
    assert len(holders) == 1
    assert None not in holders
    assert not server.exists("adrec:writing")
    assert store.history(opened, "ann") == ["a", "b"]


@pytest.mark.slow
def test_publishing_beside_a_writer_loses_nothing(folder: Path, settings: Publish) -> None:
    published = interactions(ann=[("first", -1)], **{f"user {n}": ["x", "y"] for n in range(50)})
    store.publish(published, settings)
    writer = python(WRITER, 0, EACH, 1)
    while writer.poll() is None:
        store.publish(published, settings)
    assert writer.returncode == 0
    assert store.history(store.open_store(), "ann") == ["first", *(f"{n}-0" for n in range(EACH))]


@pytest.mark.slow
@pytest.mark.parametrize("moment", [1, 2, -3])
def test_a_file_of_events_whose_append_was_killed_is_appended_by_the_same_command(
    folder: Path, tmp_path: Path, settings: Publish, moment: int
) -> None:
    users = {f"user {n}": ["a", "b"] for n in range(12)}
    events = at_seconds([(f"user {n % 15}", f"live {n}", n % 4) for n in range(60)])
    store.publish(interactions(**users), settings)
    write(events, tmp_path / "events.parquet", {})

    killed = python(KILLED, moment, tmp_path / "events.parquet")
    assert killed.wait(timeout=120) == -signal.SIGKILL
    opened = store.open_store()
    half_way = [store.history(opened, f"user {n}") for n in range(15)]
    command = [sys.executable, "-m", "features", "append", str(tmp_path / "events.parquet")]
    subprocess.run(command, cwd=ROOT, env=os.environ, check=True, timeout=120)

    after = [store.history(opened, f"user {n}") for n in range(15)]
    assert half_way != after, "it was killed too late to show anything"
    assert after == [undisturbed(f"user {n}", users, events) for n in range(15)]


def undisturbed(user: str, users: dict[str, list[str]], events: pl.DataFrame) -> list[str]:
    """The history of a user by Python's own stable sort."""
    known = [(second, item) for second, item in enumerate(users.get(user, []))]
    live = [(int(row[2].timestamp()), row[1]) for row in events.iter_rows() if row[0] == user]
    return [item for _, item in sorted([*known, *live], key=lambda event: event[0])]


def test_the_commands_append_tell_and_export(
    sqlite_folder: Path, tmp_path: Path, settings: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    from features.__main__ import main

    store.publish(interactions(ann=["a", "b"]), settings)
    (tmp_path / "events.csv").write_text(
        "uid,item_id,timestamp\nann,late,1970-01-01T00:00:00Z\nnew,n,1970-01-01T00:00:09Z\n"
    )
    assert main(["append", str(tmp_path / "events.csv"), "--format", "csv", "--column", "user_id=uid"]) == 0
    assert main(["history", "ann"]) == 0
    assert main(["export", str(tmp_path / "all.parquet")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == ["2 of 2 events were new", "a", "late", "b", f"4 interactions in {tmp_path / 'all.parquet'}"]


RATED = "user_id,item_id,timestamp,rating\nann,loved,2024-01-01,5\nann,hated,2024-01-02,1\nann,unrated,2024-01-03,\n"


def test_rated_events_count_where_those_of_training_do(
    sqlite_folder: Path, tmp_path: Path, settings: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    from features.__main__ import main

    (tmp_path / "events.csv").write_text(RATED)
    command = ["append", str(tmp_path / "events.csv"), "--format", "csv"]
    store.publish(interactions(ann=["a"]), settings, min_rating=4.0)
    assert main(command) == 0
    assert store.history(store.open_store(), "ann") == ["a", "loved"]
    assert capsys.readouterr().out == "1 of 1 events were new; 2 were rated too low to count\n"
    store.publish(interactions(ann=["a"]), settings, min_rating=1.0)
    assert main(command) == 0
    assert store.history(store.open_store(), "ann") == ["a", "loved", "hated"]


def test_rated_events_are_refused_where_nobody_said_from_which_rating_on_they_count(
    sqlite_folder: Path, tmp_path: Path, settings: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    from features.__main__ import main

    (tmp_path / "events.csv").write_text(RATED)
    store.publish(interactions(ann=["a"]), settings)
    assert main(["append", str(tmp_path / "events.csv"), "--format", "csv"]) == 1
    assert "does not say from which on they count: run the publish step again" in capsys.readouterr().err
    assert store.history(store.open_store(), "ann") == ["a"]


@pytest.mark.parametrize("column", ["foo", "=uid", "user_id="])
def test_a_column_without_a_name_is_told_in_one_sentence(
    column: str, sqlite_folder: Path, settings: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    from features.__main__ import main

    store.publish(interactions(ann=["a"]), settings)
    assert main(["append", "events.csv", "--format", "csv", "--column", column]) == 1
    assert capsys.readouterr().err == (f"error: append: --column {column} must be OURS=THEIRS, as in user_id=uid\n")


def test_a_user_and_a_file_that_are_not_there_are_told_in_one_sentence(
    sqlite_folder: Path, settings: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    from features.__main__ import main

    store.publish(interactions(ann=["a"]), settings)
    assert main(["history", "nobody"]) == 1
    assert main(["append", "nothing.parquet"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "error: history: the store has no history of 'nobody'"
    assert said[1].startswith("error: append: the source nothing.parquet does not exist")
