"""The offline tables, which Feast joins in time: written whole, read as of any moment."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from adrec.data.interactions import USER
from adrec.files import new_file
from features import histories
from features.settings import EVENT_TIMESTAMP, HISTORIES_FILE, ITEMS, LENGTH, TIMESTAMPS, folder

if TYPE_CHECKING:
    from feast import FeatureService, FeatureStore

EVENTS = b"adrec_events"  # metadata of the table: the number of the last event in it
ROW = "row_id"
AT_ONCE = 200_000  # interactions whose moments are in memory together


def users() -> pl.Series:
    """The users of the table; nobody where there is none yet."""
    path = folder() / HISTORIES_FILE
    return pl.read_parquet(path, columns=[USER])[USER].unique() if path.exists() else pl.Series(USER, [], pl.String)


def newest_event() -> int:
    """The number of the last event that the table holds; -1 where there is no table yet."""
    path = folder() / HISTORIES_FILE
    return int(pq.read_schema(path).metadata[EVENTS]) if path.exists() else -1


def write(interactions: pl.DataFrame, newest: int, max_length: int) -> None:
    """Write the row of every moment of `interactions`, which hold all events up to that of number `newest`."""
    schema = histories.moments(interactions.clear(), max_length).to_arrow().schema
    schema = schema.with_metadata({EVENTS: str(newest).encode()})
    rows = interactions.sort(USER, maintain_order=True)
    with new_file(folder() / HISTORIES_FILE) as unfinished, pq.ParquetWriter(unfinished, schema) as writer:
        for start, end in _bounds(rows[USER]):
            table = histories.moments(rows[start:end], max_length).to_arrow()
            writer.write_table(table.cast(schema))


def _bounds(sorted_users: pl.Series) -> Iterator[tuple[int, int]]:
    """Where to cut rows sorted by user into parts of at least `AT_ONCE` rows, but the last, that share no user."""
    users = sorted_users.to_numpy()
    starts = np.flatnonzero(users[1:] != users[:-1]) + 1
    start = 0
    while start < len(users):
        following = np.searchsorted(starts, start + AT_ONCE)
        end = int(starts[following]) if following < len(starts) else len(users)
        yield start, end
        start = end


def as_of(feast: "FeatureStore", service: "FeatureService", asked: pl.DataFrame) -> pl.DataFrame:
    """The history of each user of `asked` as it stood at the time beside the name.

    Args:
        feast: the store.
        service: the feature service of histories.
        asked: `user_id` and `event_timestamp` (UTC, microseconds).

    Returns:
        The rows of `asked`, all of them and in their order, with `items`, `timestamps` and `length`; null where the
        user was not known at that time.
    """
    numbered = asked.with_row_index(ROW)
    found = feast.get_historical_features(_entities(numbered), service).to_arrow()
    answer = pl.DataFrame(pl.from_arrow(found)).select(ROW, ITEMS, TIMESTAMPS, LENGTH).sort(ROW)
    # Feast's stores keep no order, and some of them lose rows.
    assert answer[ROW].to_list() == list(range(asked.height)), f"asked for {asked.height} rows, got {answer.height}"
    return asked.hstack(answer.drop(ROW))


def _entities(asked: pl.DataFrame) -> Any:
    """A Pandas frame: Feast takes no other."""
    return asked.with_columns(pl.col(EVENT_TIMESTAMP).dt.cast_time_unit("us")).to_pandas()
