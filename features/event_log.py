"""The log of events: every interaction that was appended, once, in the order of arrival.

It is SQLite's, whichever store is online, so an event is there whole or not at all, and the same one twice counts once.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import polars as pl

from adrec.data.interactions import ITEM, TIMESTAMP, USER
from features.settings import EVENTS_FILE, INTERACTIONS, folder

TABLE = """
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    UNIQUE (user_id, item_id, timestamp)
)"""
ADD = "INSERT OR IGNORE INTO events (user_id, item_id, timestamp) VALUES (?, ?, ?)"
SELECT = "SELECT user_id, item_id, timestamp FROM events WHERE number > ? AND user_id <> ''"
# The number stays: whoever has read the log up to it must not take the number of a later event for read.
BLANK = "UPDATE events SET user_id = '', item_id = '', timestamp = number WHERE user_id = ?"
AT_ONCE = 500  # users in one query: SQLite bounds the number of its parameters
AHEAD = timedelta(days=1)  # of now: clocks differ, and a time may have lost its zone
PATIENCE = 60.0  # seconds to wait for another writer


def check(interactions: pl.DataFrame) -> None:
    """Hold events against what can have happened; one of the future would make all that is popular now look old.

    Raises:
        ValueError: an id is empty, or a time is missing or later than `AHEAD` from now.
    """
    for name in (USER, ITEM, TIMESTAMP):
        lacking = interactions.filter(pl.col(name).cast(pl.String).fill_null("") == "")
        if lacking.height:
            raise ValueError(f"{_first(lacking)} has no {name}: leave such events out, or mend them")
    latest = datetime.now(UTC) + AHEAD
    untimely = interactions.filter(pl.col(TIMESTAMP) > latest)
    if untimely.height:
        raise ValueError(f"{_first(untimely)} is in the future: its time must be at most {latest:%Y-%m-%d %H:%M} UTC")


def _first(wrong: pl.DataFrame) -> str:
    """The first of these events in words, and how many are like it."""
    user, item, time = wrong.select(USER, ITEM, TIMESTAMP).row(0)
    others = f" (and {wrong.height - 1:,} others like it)" if wrong.height > 1 else ""
    return f"the event of user {user!r} with item {item!r} at {time}{others}"


def add(interactions: pl.DataFrame) -> None:
    """Log the events that are new, all of them or none."""
    rows = interactions.select(USER, ITEM, pl.col(TIMESTAMP).dt.epoch("us"))
    with _log() as log, log:
        log.executemany(ADD, rows.iter_rows())


def forget(user: str) -> None:
    """Blank the events of a user, on the disk too."""
    with _log() as log:
        log.execute("PRAGMA secure_delete = ON")
        with log:
            log.execute(BLANK, (user,))


def newest() -> int:
    """The number of the last event; 0 where there is none."""
    with _log() as log:
        number: int = log.execute("SELECT coalesce(max(number), 0) FROM events").fetchone()[0]
    return number


def read(after: int = 0) -> pl.DataFrame:
    """All events that came after the event of number `after`, as interactions, in the order of arrival."""
    with _log() as log:
        return _interactions(log.execute(f"{SELECT} ORDER BY number", (after,)))


def of(users: Sequence[str], after: int = 0) -> pl.DataFrame:
    """The events of these users that came after the event of number `after`; each user's in the order of arrival."""
    with _log() as log:
        parts = [_of(log, users[start : start + AT_ONCE], after) for start in range(0, len(users), AT_ONCE)]
    return pl.concat([_interactions([]), *parts])


def _of(log: sqlite3.Connection, users: Sequence[str], after: int) -> pl.DataFrame:
    places = ",".join("?" * len(users))
    return _interactions(log.execute(f"{SELECT} AND user_id IN ({places}) ORDER BY number", (after, *users)))


def _interactions(events: Iterable[tuple[str, str, int]]) -> pl.DataFrame:
    schema = {USER: pl.String(), ITEM: pl.String(), TIMESTAMP: pl.Int64()}
    rows = pl.DataFrame(list(events), schema=schema, orient="row")
    return rows.with_columns(pl.from_epoch(TIMESTAMP, "us").dt.replace_time_zone("UTC")).cast(INTERACTIONS)


@contextmanager
def _log() -> Iterator[sqlite3.Connection]:
    log = sqlite3.connect(folder() / EVENTS_FILE, timeout=PATIENCE)
    try:
        log.execute(TABLE)
        yield log
    finally:
        log.close()
