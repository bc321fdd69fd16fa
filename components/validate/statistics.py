"""What interactions are as a whole, measured without having them all in memory, and how it changed from before."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from adrec.data.interactions import ITEM, REQUIRED, SCHEMA, TIMESTAMP, USER

MICROSECONDS_A_DAY = 86_400 * 10**6


@dataclass(frozen=True)
class TableStatistics:
    """Of a table of interactions; where a column is missing or of another type, only the rows are counted.

    Attributes:
        rows: how many there are.
        lengths: interactions of each user, int64 [users].
        items: each item, with its `popularity`: how many interactions it has.
        times: microseconds since 1970, int64 [interactions], in no order.
    """

    rows: int
    lengths: np.ndarray
    items: pl.DataFrame
    times: np.ndarray

    @property
    def users(self) -> int:
        """How many users there are."""
        return len(self.lengths)

    @property
    def days(self) -> int:
        """On how many days (UTC) there were interactions."""
        return len(np.unique(self.times // MICROSECONDS_A_DAY))

    @property
    def first(self) -> date | None:
        """The day of the first interaction."""
        return _day(self.times.min()) if len(self.times) else None

    @property
    def last(self) -> date | None:
        """The day of the last interaction."""
        return _day(self.times.max()) if len(self.times) else None

    def facts(self) -> dict[str, float]:
        """The numbers that something is expected of."""
        largest = self.lengths.max() / self.lengths.sum() if self.users else 0.0
        return {
            "rows": self.rows,
            "users": self.users,
            "items": self.items.height,
            "days": self.days,
            "largest_user": float(largest),
        }


def measure(table: pl.LazyFrame) -> TableStatistics:
    """The measures of a table of interactions, column by column."""
    rows = table.select(pl.len()).collect().item()
    if not _typed(table):
        nothing = np.zeros(0, dtype=np.int64)
        return TableStatistics(rows, nothing, pl.DataFrame(schema={ITEM: pl.String, "popularity": pl.Int64}), nothing)
    items = _counted(table, ITEM).rename({"len": "popularity"})
    times = table.select(pl.col(TIMESTAMP).drop_nulls().cast(pl.Int64)).collect(engine="streaming")
    return TableStatistics(rows, _counted(table, USER)["len"].to_numpy(), items, times.to_series().to_numpy())


def repeated(table: pl.LazyFrame) -> pl.Series:
    """For each row whether another has the same user, item and time; by two hashes, so as not to hold the texts."""
    if not _typed(table):
        rows = table.select(pl.len()).collect().item()
        return pl.repeat(False, rows, dtype=pl.Boolean, eager=True)
    key = pl.struct(REQUIRED)
    hashes = table.select(key.hash(seed=1).alias("one"), key.hash(seed=2).alias("other")).collect(engine="streaming")
    return hashes.is_duplicated()


def _typed(table: pl.LazyFrame) -> bool:
    schema = table.collect_schema()
    return all(schema.get(column) == SCHEMA[column] for column in REQUIRED)


def _counted(table: pl.LazyFrame, column: str) -> pl.DataFrame:
    """How often each value of a column stands in it; in the order of the values, so that equal tables look equal."""
    counts = table.drop_nulls(column).group_by(column).agg(pl.len().cast(pl.Int64))
    return counts.sort(column).collect(engine="streaming")


def change(now: TableStatistics, before: TableStatistics) -> dict[str, Any]:
    """How `now` differs: factors of rows and of rows a day, shares of items that came and that went."""
    kept = now.items.join(before.items, on=ITEM, how="semi").height
    return {
        "rows": _ratio(now.rows, before.rows),
        "daily": _ratio(_ratio(now.rows, now.days), _ratio(before.rows, before.days)),
        "new_items": 1 - _ratio(kept, now.items.height),
        "lost_items": 1 - _ratio(kept, before.items.height),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _day(microseconds: int) -> date:
    day: date = np.datetime64(int(microseconds), "us").astype("datetime64[D]").item()
    return day
