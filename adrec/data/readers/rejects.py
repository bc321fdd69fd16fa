"""What becomes of malformed lines: they are kept aside with the reason, until there are too many."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from adrec.files import new_file

Malformed = tuple[int, str, str]  # line number, reason, text

LINE, TEXT = "line", "text"
SCHEMA = {"file": pl.String(), LINE: pl.Int64(), "reason": pl.String(), TEXT: pl.String()}
SHOWN = 500  # characters of a line


@dataclass
class Rejects:
    """The malformed lines of a source; a context that writes them to the CSV file `path` when it ends, however it ends.

    Attributes:
        path: of the CSV file with the columns of `SCHEMA`; lines count from 1, of a Parquet file they are its rows.
        limit: how many there may be.
        file: the file that is being read.
    """

    path: Path
    limit: int
    file: str = ""
    _found: list[tuple[str, int, str, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._found)

    @property
    def room(self) -> int:
        """How many more it takes to have too many."""
        return self.limit + 1 - len(self)

    def add(self, lines: Iterable[Malformed]) -> None:
        """Take lines.

        Raises:
            ValueError: there are more than `limit` now; those beyond it are not kept.
        """
        for number, reason, text in islice(lines, self.room):
            self._found.append((self.file, number, reason, text[:SHOWN]))
        if len(self) > self.limit:
            told = "line is" if len(self) == 1 else "lines are"
            raise ValueError(
                f"line {number}: {reason}; {len(self):,} {told} malformed, and ingest.max_rejects = {self.limit}:"
                f" see {self.path}"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with new_file(self.path) as unfinished:
            pl.DataFrame(self._found, schema=SCHEMA, orient="row").write_csv(unfinished)
