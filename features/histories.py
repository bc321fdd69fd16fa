"""How interactions become the rows of the store: by the transform that training uses, `adrec.data.build`."""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from adrec.config import Publish
from adrec.data.build import build_histories
from adrec.data.catalogue import Catalogue
from adrec.data.interactions import USER
from features.settings import EVENT_TIMESTAMP, HISTORY, ITEMS, LENGTH, TIMESTAMPS


def latest(interactions: pl.DataFrame, max_length: int) -> pl.DataFrame:
    """One row a user: the last `max_length` interactions, oldest first (`HISTORY`)."""
    if interactions.is_empty():
        return pl.DataFrame(schema=HISTORY)
    catalogue, histories = build_histories(interactions)
    recent = histories.last(max_length)
    return pl.DataFrame(
        {
            USER: list(recent.users),
            ITEMS: _lists(_names(catalogue, recent.items), recent.offsets),
            TIMESTAMPS: _lists(recent.timestamps, recent.offsets),
        },
        schema=HISTORY,
    )


def moments(interactions: pl.DataFrame, max_length: int) -> pl.DataFrame:
    """One row for each moment at which a user's history changed: the last `max_length` interactions until then.

    So a row holds nothing that is later than its own `event_timestamp`, and all that came at that very time.
    """
    if interactions.is_empty():
        return stamped(pl.DataFrame(schema=HISTORY))
    catalogue, histories = build_histories(interactions)
    users = np.repeat(np.arange(len(histories)), histories.lengths)
    last_of_moment = np.append((np.diff(histories.timestamps) != 0) | (np.diff(users) != 0), True)
    ends = np.flatnonzero(last_of_moment) + 1
    users = users[ends - 1]
    starts = np.maximum(ends - max_length, histories.offsets[:-1][users])
    offsets = np.concatenate([[0], np.cumsum(ends - starts)])
    index = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], ends - starts)
    rows = {
        USER: _names_of(histories.users, users),
        ITEMS: _lists(_names(catalogue, histories.items[index]), offsets),
        TIMESTAMPS: _lists(histories.timestamps[index], offsets),
    }
    return stamped(pl.DataFrame(rows, schema=HISTORY))


def stamped(histories: pl.DataFrame) -> pl.DataFrame:
    """The rows as Feast takes them: with their length, and with the time of their newest interaction."""
    newest = pl.from_epoch(pl.col(TIMESTAMPS).list.last(), "us").dt.replace_time_zone("UTC")
    length = pl.col(ITEMS).list.len().cast(pl.Int64)
    return histories.with_columns(length.alias(LENGTH), newest.alias(EVENT_TIMESTAMP))


def insert(
    items: Sequence[str], timestamps: Sequence[int], item: str, timestamp: int, max_length: int
) -> tuple[list[str], list[int]]:
    """The history with one interaction more, in order of time, cut to its last `max_length`; each one counts once."""
    if (item, timestamp) in zip(items, timestamps, strict=True):
        return list(items), list(timestamps)
    place = bisect_right(timestamps, timestamp)
    return (
        [*items[:place], item, *items[place:]][-max_length:],
        [*timestamps[:place], timestamp, *timestamps[place:]][-max_length:],
    )


def hides_something(before: tuple[list[str], list[int]], timestamp: int, settings: Publish) -> bool:
    """Whether the history that is read does not suffice to insert an interaction of this time.

    Interactions of that time may have been cut off, perhaps this very one; or the time to live hides all of them.
    """
    items, timestamps = before
    if not items:
        return settings.ttl_days > 0
    return len(items) == settings.max_length and timestamp == timestamps[0]


def _names(catalogue: Catalogue, numbers: np.ndarray) -> pa.Array:
    return pa.array(catalogue.items, pa.large_string()).take(pa.array(numbers.astype(np.int64) - 1))


def _names_of(users: Sequence[str], indices: np.ndarray) -> pl.Series:
    return pl.Series(users, dtype=pl.String).gather(indices)


def _lists(values: np.ndarray | pa.Array, offsets: np.ndarray) -> pl.Series:
    return pl.Series(pa.LargeListArray.from_arrays(pa.array(offsets.astype(np.int64)), pa.array(values)))
