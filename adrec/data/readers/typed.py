"""How raw rows become interactions: which column is which, and what each value means."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import polars as pl

from adrec.data.interactions import REQUIRED, SCHEMA, TIMESTAMP
from adrec.data.readers.parsers import MEANINGS, PARSERS, Clock, clock
from adrec.data.readers.raw import Raw
from adrec.data.readers.rejects import LINE, Rejects

SHOWN = 60  # characters of a value


class Typing:
    """What is known of a source's columns; found in its first file and first batch, and held through all others.

    Attributes:
        columns: the files' name of each of our columns.
    """

    def __init__(self, columns: Mapping[str, str], rejects: Rejects) -> None:
        for ours in columns:
            if ours not in SCHEMA:
                raise ValueError(f"params: ingest.columns.{ours} is no column of interactions: {', '.join(SCHEMA)}")
        self.columns = dict(columns)
        self._rejects = rejects
        self._kept: list[str] = []  # our columns that the first file has
        self._clock: Clock | None = None

    def interactions(self, batches: Iterable[Raw]) -> Iterator[pl.DataFrame]:
        """The interactions of a file; rows with a value that cannot be parsed go to the rejects.

        Raises:
            ValueError: a column is missing, or there are too many such rows.
        """
        for names, rows in batches:
            self._find(names)
            if self._clock is None:
                self._clock = clock(rows[self.columns[TIMESTAMP]])
            yield self._parsed(rows)

    def _find(self, names: Sequence[str]) -> None:
        """See that the columns are there: in the first file what is needed or asked for, then what the first had."""
        needed = self._kept or [ours for ours in self.columns if ours in REQUIRED or self.columns[ours] != ours]
        for ours in needed:
            if self.columns[ours] not in names:
                raise ValueError(_missing(ours, self.columns[ours], names))
        self._kept = self._kept or [ours for ours in SCHEMA if self.columns.get(ours) in names]

    def _parsed(self, rows: pl.DataFrame) -> pl.DataFrame:
        table = pl.DataFrame({ours: self._values(rows[self.columns[ours]], ours) for ours in self._kept})
        reasons: dict[int, str] = {}  # of each row that cannot be parsed, the first
        for ours in self._kept:
            raw = rows[self.columns[ours]]
            failed = (raw.is_not_null() & table[ours].is_null()).arg_true()
            for row in failed.head(self._rejects.room):  # with more than these the reading ends
                reasons.setdefault(row, f"{raw.name} = {_short(raw[row])} is not {MEANINGS[ours]}")
        if not reasons:
            return table
        broken = pl.Series(sorted(reasons), dtype=pl.Int64)
        texts = (", ".join(map(str, row)) for row in rows[broken].drop(LINE).iter_rows())
        self._rejects.add(zip(rows[LINE][broken], (reasons[row] for row in broken), texts, strict=True))
        return table.filter(~pl.int_range(table.height, eager=True).is_in(broken.implode()))

    def _values(self, raw: pl.Series, ours: str) -> pl.Series:
        if ours != TIMESTAMP:
            return PARSERS[ours](raw)
        return self._clock(raw) if self._clock else pl.Series([None] * len(raw), dtype=SCHEMA[TIMESTAMP])


def _missing(ours: str, theirs: str, names: Sequence[str]) -> str:
    """The sentence for a column that the file lacks, with the setting where only the case of its name differs."""
    found = ", ".join(map(repr, names[:20]))
    alike = next((name for name in names if name.casefold() == theirs.casefold()), None)
    advice = f"; set ingest.columns.{ours}={alike}" if alike else ""
    return f"there is no column {theirs!r} to take {ours} from; the file has {found}{advice}"


def _short(value: object) -> str:
    """A value as Python writes it, its middle left out if it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN // 2]}...{text[-SHOWN // 4 :]}"
