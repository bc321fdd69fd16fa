"""How are all users' histories held?

As flat arrays in CSR form: user `u` owns `items[offsets[u]:offsets[u + 1]]`, oldest first. Item numbers are 1..N in the
catalogue's order; 0 is padding.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
import pyarrow as pa

from adrec.data.interactions import USER

HISTORIES_FILE = "histories.parquet"


@dataclass(frozen=True)
class Histories:
    """All users' interactions in order of time.

    Attributes:
        users: external id of each of the U users.
        items: item numbers in 1..N, int32 [interactions].
        timestamps: microseconds since 1970 UTC, int64 [interactions].
        offsets: where each user begins, int64 [U + 1].
    """

    users: tuple[str, ...]
    items: np.ndarray
    timestamps: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.users)

    @property
    def lengths(self) -> np.ndarray:
        """Interactions of each user, int64 [U]."""
        return np.diff(self.offsets)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Each user's item numbers, oldest first."""
        for start, end in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            yield self.items[start:end]

    def last(self, count: int) -> Self:
        """Each user's `count` most recent interactions."""
        kept = np.minimum(self.lengths, count)
        return self._select(self.offsets[1:] - kept, kept)

    def earlier(self, moment: int) -> np.ndarray:
        """How many of each user's interactions are earlier than `moment` (microseconds), int64 [U]."""
        return np.diff(np.concatenate([[0], np.cumsum(self.timestamps < moment)])[self.offsets])

    def first(self, counts: np.ndarray) -> Self:
        """Each user's `counts[u]` oldest interactions."""
        return self._select(self.offsets[:-1], counts)

    def only(self, users: np.ndarray, counts: np.ndarray | None = None) -> Self:
        """The histories of some users (indices), in their order; of each the `counts` oldest interactions, or all."""
        lengths = self.lengths[users] if counts is None else counts
        chosen = self._select(self.offsets[:-1][users], lengths)
        return type(self)(tuple(self.users[user] for user in users), chosen.items, chosen.timestamps, chosen.offsets)

    def renumbered(self, numbers: np.ndarray) -> Self:
        """The histories with item n called `numbers[n]`, int32 [V + 1]; what is called 0 is left out."""
        items = numbers[self.items]
        kept_before = np.concatenate([[0], np.cumsum(items > 0)])
        return type(self)(self.users, items[items > 0], self.timestamps[items > 0], kept_before[self.offsets])

    def _select(self, starts: np.ndarray, lengths: np.ndarray) -> Self:
        """The `lengths[u]` interactions of each user from index `starts[u]` on."""
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        index = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        return type(self)(self.users, self.items[index], self.timestamps[index], offsets)

    def write(self, folder: Path) -> None:
        """Write the histories into `folder` as one row of lists per user."""
        lists = (pa.LargeListArray.from_arrays(self.offsets, values) for values in (self.items, self.timestamps))
        items, timestamps = (pl.Series(values=values) for values in lists)
        rows = {USER: pl.Series(self.users, dtype=pl.String), "items": items, "timestamps": timestamps}
        pl.DataFrame(rows).write_parquet(folder / HISTORIES_FILE)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        frame = pl.read_parquet(folder / HISTORIES_FILE).rechunk()
        return cls.of_lists(frame[USER], frame["items"].to_arrow(), frame["timestamps"].to_arrow())

    @classmethod
    def of_lists(cls, users: Iterable[str], items: pa.Array, timestamps: pa.Array) -> Self:
        """The histories of users, given each one's item numbers and times as lists (Arrow)."""
        lengths = items.value_lengths().to_numpy(zero_copy_only=False)
        flat = [lists.flatten().to_numpy(zero_copy_only=False) for lists in (items, timestamps)]
        offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        return cls(tuple(users), flat[0].astype(np.int32), flat[1].astype(np.int64), offsets)
