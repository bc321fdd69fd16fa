"""How interactions become histories: the one transform that training, features and serving share.

Histories are flat arrays in CSR form: user `u` owns `items[offsets[u]:offsets[u + 1]]`, oldest first. Item numbers
are 1..N in the catalogue's order; 0 is padding.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from polars.datatypes import DataType, DataTypeClass

from adrec.interactions import ITEM, RATING, TIMESTAMP, USER

PolarsType = DataType | DataTypeClass

CATALOGUE_FILE = "catalogue.parquet"
HISTORIES_FILE = "histories.parquet"
DATASET_FILE = "dataset.json"
HELD_OUT = 2  # the last interaction of a user is the test target, the one before it the validation target


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

    def without_last(self, count: int) -> Self:
        """The histories as they stood `count` interactions earlier; users with fewer keep none."""
        kept = np.maximum(self.lengths - count, 0)
        return self._select(self.offsets[:-1], kept)

    def last(self, count: int) -> Self:
        """Each user's `count` most recent interactions."""
        kept = np.minimum(self.lengths, count)
        return self._select(self.offsets[1:] - kept, kept)

    def final_items(self) -> np.ndarray:
        """Each user's most recent item number, int32 [U]; every user must have one."""
        assert (self.lengths > 0).all(), "a user without interactions has no final item"
        return self.items[self.offsets[1:] - 1]

    def only(self, users: np.ndarray) -> Self:
        """The histories of some users (indices), in their order."""
        starts, lengths = self.offsets[:-1][users], self.lengths[users]
        chosen = self._select(starts, lengths)
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
        rows = {
            USER: list(self.users),
            "items": self._lists(self.items),
            "timestamps": self._lists(self.timestamps),
        }
        schema: dict[str, PolarsType] = {USER: pl.String, "items": pl.List(pl.Int32), "timestamps": pl.List(pl.Int64)}
        pl.DataFrame(rows, schema=schema).write_parquet(folder / HISTORIES_FILE)

    def _lists(self, values: np.ndarray) -> list[np.ndarray]:
        return np.split(values, self.offsets[1:-1])

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        frame = pl.read_parquet(folder / HISTORIES_FILE)
        lengths = frame["items"].list.len().to_numpy()
        items = frame["items"].explode().to_numpy().astype(np.int32)
        timestamps = frame["timestamps"].explode().to_numpy().astype(np.int64)
        return cls(tuple(frame[USER]), items, timestamps, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))


@dataclass(frozen=True)
class Dataset:
    """What `prepare` hands to every later step: catalogue, histories, and where they came from.

    The split is leave-one-out: a user's last interaction is the test target, the one before it the validation target.
    """

    catalogue: Catalogue
    histories: Histories
    about: dict[str, Any]

    @property
    def training(self) -> Histories:
        """What training may see."""
        return self.histories.without_last(HELD_OUT)

    def questions(self, split: str) -> tuple[Histories, np.ndarray]:
        """The histories before, and the item numbers (int32 [U]) of, the targets of `validation` or `test`."""
        later = {"validation": 1, "test": 0}[split]
        until_target = self.histories.without_last(later)
        return until_target.without_last(1), until_target.final_items()

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


def liked(interactions: pl.DataFrame, min_rating: float) -> pl.DataFrame:
    """The rows rated at least `min_rating`; all of them where there are no ratings."""
    return interactions.filter(pl.col(RATING) >= min_rating) if RATING in interactions.columns else interactions


def k_core(interactions: pl.DataFrame, core: int) -> pl.DataFrame:
    """Drop users and items with fewer than `core` interactions until none is left, keeping the order of rows."""
    while True:
        frequent = pl.all_horizontal(pl.len().over(key) >= core for key in (USER, ITEM))
        kept = interactions.filter(frequent)
        if kept.height == interactions.height:
            return kept
        interactions = kept


def build(interactions: pl.DataFrame) -> tuple[Catalogue, Histories]:
    """Number users and items by first appearance and put each user's rows in order of time.

    Rows with equal timestamps keep their order in `interactions`.
    """
    catalogue = Catalogue(tuple(interactions[ITEM].unique(maintain_order=True)))
    users = interactions[USER].unique(maintain_order=True)
    user_numbers = _numbers(interactions[USER], users)
    timestamps = interactions[TIMESTAMP].dt.epoch("us").to_numpy()
    order = np.lexsort((timestamps, user_numbers))  # stable: ties keep the order of rows
    items = _numbers(interactions[ITEM], pl.Series(catalogue.items, dtype=pl.String))[order] + 1
    lengths = np.bincount(user_numbers, minlength=len(users))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return catalogue, Histories(tuple(users), items.astype(np.int32), timestamps[order], offsets)


def _numbers(values: pl.Series, vocabulary: pl.Series) -> np.ndarray:
    """Index of each value in `vocabulary`, int64."""
    index = pl.arange(len(vocabulary), dtype=pl.Int64, eager=True)
    return values.replace_strict(vocabulary, index, return_dtype=pl.Int64).to_numpy()
