"""How interactions become histories: the one transform that training, features and serving share.

Histories are flat arrays in CSR form: user `u` owns `items[offsets[u]:offsets[u + 1]]`, oldest first. Item numbers
are 1..N in the catalogue's order; 0 is padding.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import polars as pl
import pyarrow as pa

from adrec import kernel, splits
from adrec.interactions import ITEM, RATING, TIMESTAMP, USER

CATALOGUE_FILE = "catalogue.parquet"
HISTORIES_FILE = "histories.parquet"
DATASET_FILE = "dataset.json"


@dataclass(frozen=True)
class Catalogue:
    """The item vocabulary: external id `items[n - 1]` has number n in 1..N."""

    items: tuple[str, ...]
    _numbers: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        numbers = {item: number for number, item in enumerate(self.items, start=1)}
        if len(numbers) != len(self.items):
            raise ValueError("the catalogue names an item twice")
        object.__setattr__(self, "_numbers", numbers)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def hash(self) -> str:
        """SHA-256 over the ids in their order: equal hashes mean equal numbering."""
        return hashlib.sha256(json.dumps(self.items).encode()).hexdigest()

    def encode(self, items: Sequence[str]) -> np.ndarray:
        """Item numbers, int32, of the ids that the catalogue knows, in their order; unknown ids are left out."""
        numbers = self.numbers(items)
        return numbers[numbers > 0]

    def numbers(self, items: Sequence[str]) -> np.ndarray:
        """The item number of each id, int32; 0 where the catalogue does not know it."""
        return np.fromiter((self._numbers.get(item, 0) for item in items), dtype=np.int32, count=len(items))

    def decode(self, numbers: np.ndarray) -> list[str]:
        """External ids of item numbers in 1..N."""
        return [self.items[number - 1] for number in numbers]

    def unknown(self, items: Sequence[str]) -> list[str]:
        """The ids that the catalogue does not know, in their order."""
        return [item for item in items if item not in self._numbers]

    def write(self, folder: Path) -> None:
        """Write the catalogue into `folder`."""
        pl.DataFrame({ITEM: self.items}, schema={ITEM: pl.String}).write_parquet(folder / CATALOGUE_FILE)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        return cls(tuple(pl.read_parquet(folder / CATALOGUE_FILE)[ITEM]))


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


@dataclass(frozen=True)
class Dataset:
    """What `prepare` hands to every later step: catalogue, histories, and where they came from.

    `about["split"]` says what is held out; leave-one-out where it says nothing.
    """

    catalogue: Catalogue
    histories: Histories
    about: dict[str, Any]

    @property
    def split(self) -> splits.Split:
        """What is held out, and how."""
        return splits.parse(self.about["split"]) if "split" in self.about else splits.LeaveOneOut()

    @property
    def training(self) -> Histories:
        """What training may see; of some users it may be nothing."""
        return self.histories.first(self.split.trained(self.histories))

    def questions(self, part: splits.Part) -> tuple[Histories, np.ndarray]:
        """The histories before, and the item numbers (int32 [Q]) of, the targets of `validation` or `test`."""
        users, before = self.split.asked(self.histories, part)
        return self.histories.only(users, before), self.histories.items[self.histories.offsets[users] + before]

    def target_times(self, part: splits.Part) -> np.ndarray:
        """When the targets of `validation` or `test` happened: microseconds since 1970 UTC, int64 [Q]."""
        users, before = self.split.asked(self.histories, part)
        return self.histories.timestamps[self.histories.offsets[users] + before]

    def write(self, folder: Path) -> None:
        """Write the three files into `folder`, which must exist."""
        self.catalogue.write(folder)
        self.histories.write(folder)
        (folder / DATASET_FILE).write_text(json.dumps(self.about, indent=2, sort_keys=True) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        about = json.loads((folder / DATASET_FILE).read_text())
        return cls(Catalogue.read(folder), Histories.read(folder), about)


FrameT = TypeVar("FrameT", pl.DataFrame, pl.LazyFrame)


def liked(interactions: FrameT, min_rating: float) -> FrameT:
    """The rows rated at least `min_rating`; all of them where there are no ratings."""
    rated = RATING in interactions.collect_schema().names()
    return interactions.filter(pl.col(RATING) >= min_rating) if rated else interactions


def build(interactions: pl.DataFrame | pl.LazyFrame, core: int = 1) -> tuple[Catalogue, Histories]:
    """Turn rows into histories: of the frequent users and items alone, numbered by first appearance, in order of time.

    Rows with equal timestamps keep their order in `interactions`.

    Args:
        interactions: rows in the order of the source; lazy ones are read without their ids ever being in memory whole.
        core: users and items with fewer interactions are dropped until none is left.
    """
    coded = _coded(interactions.lazy())
    left_R = kernel.frequent(coded[USER].to_physical().to_numpy(), coded[ITEM].to_physical().to_numpy(), core)
    if not left_R.all():
        coded = coded.filter(left_R)
    (users, user_numbers), (items, item_numbers) = (_numbered(coded[key]) for key in (USER, ITEM))
    timestamps = coded[TIMESTAMP].to_numpy()
    order = kernel.in_time(user_numbers, timestamps)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(user_numbers, minlength=len(users)))])
    return Catalogue(items), Histories(users, item_numbers[order] + 1, timestamps[order], offsets)


def _coded(interactions: pl.LazyFrame) -> pl.DataFrame:
    """Users and items as categories of their own, times in microseconds."""
    ids = (pl.col(key).cast(pl.Categorical(pl.Categories.random())) for key in (USER, ITEM))
    return interactions.select(*ids, pl.col(TIMESTAMP).dt.epoch("us")).collect(engine="streaming")


def _numbered(ids: pl.Series) -> tuple[tuple[str, ...], np.ndarray]:
    """The ids in the order of their first appearance; and the number, from 0 on, of each row's, int32."""
    rows, numbers = kernel.by_first_appearance(ids.to_physical().to_numpy())
    return tuple(ids.gather(rows).cast(pl.String)), numbers
