"""How rows of fields between separators are read: with a header or without, in quotes or not."""

import csv
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from adrec.data.readers.raw import Raw
from adrec.data.readers.rejects import LINE, TEXT, Malformed, Rejects
from adrec.data.readers.text import BLANK, LONGEST, WHITE, lines

LONGEST_RECORD = 100  # lines: a quote that is not closed by then never will be
QUOTE = '"'
SPECIAL = pl.col(TEXT).str.strip_suffix("\r").str.contains('["\r]')  # where splitting would not do
csv.field_size_limit(LONGEST)


@dataclass(frozen=True)
class Dialect:
    """One way to write rows.

    Attributes:
        separator: what stands between fields.
        names: of the columns; where there are none, the first line has them.
        quoted: whether a field may stand in quotes, and hold separators and line breaks there.
        name: the name of a column, from what the header says of it.
    """

    separator: str
    names: Sequence[str] = ()
    quoted: bool = True
    name: Callable[[str], str] = str

    def rows(self, path: Path, columns: Mapping[str, str], rejects: Rejects) -> Iterator[Raw]:
        """The rows of a file; `columns` gives the file's names of those that are needed."""
        names = list(self.names)
        pending: deque[tuple[int, str]] = deque()  # a record that began in an earlier block
        for block in lines(path, rejects):
            if not names:
                names, block = self._header(block)
            if not names:
                continue
            if pending or (self.quoted and block.select(SPECIAL.any()).item()):
                pending.extend(block.iter_rows())
                table = self._records(pending, len(names), rejects)
            else:
                table = self._split(block.filter(~BLANK), len(names), rejects)
            yield _named(table, names, columns)
        if not names:
            raise ValueError("there is no line of text")
        if pending:
            yield _named(self._records(pending, len(names), rejects, final=True), names, columns)

    def _header(self, block: pl.DataFrame) -> tuple[list[str], pl.DataFrame]:
        """The names in the first line that is not blank, and the lines after it."""
        place = next(iter(block.select((~BLANK).arg_true()).to_series()), None)
        if place is None:
            return [], block
        line = block[TEXT][place]
        try:
            fields = next(csv.reader([line], delimiter=self.separator)) if self.quoted else line.split(self.separator)
        except csv.Error as error:
            raise ValueError(f"the header is no row of a CSV file ({error})") from None
        names = [self.name(field.strip()) for field in fields]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"the header names {twice[0]!r} twice")
        return names, block[place + 1 :]

    def _split(self, block: pl.DataFrame, width: int, rejects: Rejects) -> pl.DataFrame:
        """`LINE` and the list of fields of each line, where nothing is in quotes."""
        fields = pl.col(TEXT).str.strip_suffix("\r").str.split(self.separator)
        found = block.with_columns(fields=fields)
        sound = pl.col("fields").list.len() == width
        reason = pl.format(_wrong_width("{}", width), pl.col("fields").list.len())
        rejects.add(found.filter(~sound).select(LINE, reason.alias("reason"), TEXT).head(rejects.room).rows())
        return found.filter(sound).select(LINE, "fields")

    def _records(
        self, pending: deque[tuple[int, str]], width: int, rejects: Rejects, *, final: bool = False
    ) -> pl.DataFrame:
        """The same where some are; takes whole records out of `pending`, and after `final` leaves nothing there."""
        found: list[tuple[int, list[str]]] = []
        wrong: list[Malformed] = []
        while pending and len(wrong) < rejects.room:
            record = _first_record(pending)
            if record is None and not final and len(pending) < LONGEST_RECORD:
                break
            number, text = pending[0]
            fields, reason = self._fields(record, width)
            for _ in range(1 if reason or record is None else record.count("\n") + 1):
                pending.popleft()
            if reason:
                wrong.append((number, reason, text))
            elif fields:
                found.append((number, fields))
        rejects.add(wrong)
        return pl.DataFrame(found, schema={LINE: pl.Int64, "fields": pl.List(pl.String)}, orient="row")

    def _fields(self, record: str | None, width: int) -> tuple[list[str], str]:
        """Fields of a record, none of a blank line; or what is wrong with it."""
        if record is None:
            return [], "a quote is not closed"
        if not record.strip(WHITE):
            return [], ""
        try:
            fields = next(csv.reader([record], delimiter=self.separator, strict=True), [])
        except csv.Error as error:
            return [], f"no row of a CSV file ({error})"
        return (fields, "") if len(fields) == width else ([], _wrong_width(str(len(fields)), width))


def _wrong_width(found: str, width: int) -> str:
    return f"the number of columns is {found} instead of {width}"


def _first_record(pending: deque[tuple[int, str]]) -> str | None:
    """The first lines up to where every quote is closed; none if that is not in sight."""
    texts, quotes = [], 0
    for _, text in islice(pending, LONGEST_RECORD):
        texts.append(text)
        quotes += text.count(QUOTE)
        if quotes % 2 == 0:
            return "\n".join(texts)
    return None


def _named(table: pl.DataFrame, names: Sequence[str], columns: Mapping[str, str]) -> Raw:
    """The fields that `columns` needs, under their names; an empty one is missing."""
    fields = {name: pl.col("fields").list.get(place) for place, name in enumerate(names) if name in columns.values()}
    needed = (pl.when(field != "").then(field).alias(name) for name, field in fields.items())
    return Raw(names, table.select(LINE, *needed))
