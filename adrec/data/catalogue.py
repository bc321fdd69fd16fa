"""Which number does an item have?"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl

from adrec.data.interactions import ITEM

CATALOGUE_FILE = "catalogue.parquet"


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
