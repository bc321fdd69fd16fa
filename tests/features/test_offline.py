"""Histories as of a moment: no future item, no lost row, and what training would have seen."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from adrec.config import Publish
from features import event_log, ledger, offline, store
from features.settings import EVENT_TIMESTAMP, ITEMS, LENGTH, TIMESTAMPS
from tests.features.conftest import SECOND, at_seconds, interactions

ROOT = Path(__file__).parents[2]
USERS, ITEMS_, SECONDS, QUESTIONS = 60, 40, 300, 4000

pytestmark = pytest.mark.slow  # DuckDB ends with a page of noise about leaks


def world(seed: int, count: int) -> list[tuple[str, str, int]]:
    """Random events, many of them at the same second."""
    draw = np.random.default_rng(seed)
    columns = (draw.integers(0, high, count).tolist() for high in (USERS, ITEMS_, SECONDS))
    return [(f"user {user}", f"item {item}", second) for user, item, second in zip(*columns, strict=True)]


def examples(count: int) -> pl.DataFrame:
    """Random users and moments, some before the first interaction, some users unknown, some rows twice."""
    draw = np.random.default_rng(1)
    users = [f"user {number}" for number in draw.integers(0, USERS + 5, count)]
    times = draw.integers(-20 * SECOND, (SECONDS + 20) * SECOND, count)
    times[: count // 2] -= times[: count // 2] % SECOND  # exactly when something happened
    asked = pl.DataFrame({"user_id": users, EVENT_TIMESTAMP: times})
    asked = asked.with_columns(pl.from_epoch(EVENT_TIMESTAMP, "us").dt.replace_time_zone("UTC"))
    return pl.concat([asked, asked.head(100)])


def test_thousands_of_moments_show_no_future_item_and_lose_no_row(sqlite_folder: Path, settings: Publish) -> None:
    published, live = world(2, 3000), list(dict.fromkeys(world(3, 500)))
    max_length = 10
    store.publish(at_seconds(published), replace(settings, max_length=max_length))
    opened = store.open_store()
    store.append_all(opened, at_seconds(live))
    asked = examples(QUESTIONS)
    answer = store.histories_as_of(opened, asked)

    assert answer.select("user_id", EVENT_TIMESTAMP).equals(asked)
    by_user: dict[str, list[tuple[int, str]]] = {}
    there = set(published)
    for user, item, second in [*published, *(event for event in live if event not in there)]:
        by_user.setdefault(user, []).append((second, item))
    for row in answer.iter_rows(named=True):
        moment = row[EVENT_TIMESTAMP]
        past = [event for event in by_user.get(row["user_id"], []) if at(event[0]) <= moment]
        expected = [item for _, item in sorted(past, key=lambda event: event[0])][-max_length:]
        assert (row[ITEMS] or []) == expected
        assert (row[LENGTH] or 0) == len(expected)
        assert all(at(0) + timedelta(microseconds=time) <= moment for time in row[TIMESTAMPS] or [])


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def test_a_history_past_its_time_to_live_was_unknown_then_too(sqlite_folder: Path, settings: Publish) -> None:
    store.publish(interactions(ann=[("a", 0)]), replace(settings, ttl_days=1))
    asked = pl.DataFrame({"user_id": ["ann", "ann"], EVENT_TIMESTAMP: [at(86_399), at(86_401)]})
    answer = store.histories_as_of(store.open_store(), asked)
    assert answer[ITEMS].to_list() == [["a"], None]


def test_as_of_now_is_what_is_online(folder: Path, settings: Publish) -> None:
    store.publish(at_seconds(world(4, 800)), settings)
    opened = store.open_store()
    store.append_all(opened, at_seconds(world(5, 200)))
    users = ledger.interactions()["user_id"].unique(maintain_order=True)
    asked = pl.DataFrame({"user_id": users, EVENT_TIMESTAMP: datetime.now(UTC)})
    answer = store.histories_as_of(opened, asked)
    assert answer[ITEMS].to_list() == [store.history(opened, user) for user in users]


def test_the_table_is_written_in_parts_that_share_no_user(
    sqlite_folder: Path, settings: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = at_seconds(world(6, 1000))
    offline.write(rows, 0, 5)
    whole = pl.read_parquet(sqlite_folder / "histories.parquet")
    monkeypatch.setattr(offline, "AT_ONCE", 7)
    offline.write(rows, 0, 5)
    assert pl.read_parquet(sqlite_folder / "histories.parquet").equals(whole)


def test_processes_that_refresh_at_once_leave_a_whole_table(sqlite_folder: Path, settings: Publish) -> None:
    store.publish(at_seconds(world(8, 20_000)), settings)
    store.append_all(store.open_store(), at_seconds(world(9, 500)))
    program = "from features import store; store.refresh(store.open_store())"
    together = [subprocess.Popen([sys.executable, "-c", program], cwd=ROOT) for _ in range(3)]
    assert [process.wait(timeout=200) for process in together] == [0, 0, 0]
    assert offline.newest_event() == event_log.newest() > 0
    rows = ledger.interactions()
    assert pl.read_parquet(sqlite_folder / "histories.parquet").height == rows.unique(("user_id", "timestamp")).height


def test_the_offline_tables_are_written_again_only_when_an_event_came(sqlite_folder: Path, settings: Publish) -> None:
    store.publish(interactions(ann=["a"]), settings)
    opened = store.open_store()
    table = sqlite_folder / "histories.parquet"
    before = table.stat().st_mtime_ns
    store.refresh(opened)
    assert table.stat().st_mtime_ns == before
    store.append(opened, "ann", "b", at(9))
    assert (offline.newest_event(), event_log.newest()) == (0, 1)
    store.refresh(opened)
    assert offline.newest_event() == 1
    assert pl.read_parquet(table).height == 2
