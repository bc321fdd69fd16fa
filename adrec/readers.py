"""How each published format of interactions is read, from a path or any fsspec URL.

A format turns a file into rows of raw values and says which of its columns mean what; everything after that
is the same for all of them, so one more format is one more entry of `FORMATS`. A value that cannot be
represented (see `values`) ends the reading with its line; whether values are believable is for validation to
judge. Missing values stay missing.
"""

import csv
import hashlib
import reprlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import fsspec
import polars as pl

from adrec.interactions import ITEM, RATING, REQUIRED, SCHEMA, TIMESTAMP, USER
from adrec.values import parse

LINE = "line number"  # the column of raw rows that says where in the file each stands
MOVIELENS = ("userId", "movieId", "rating", "timestamp")


@dataclass(frozen=True)
class Format:
    """A published format.

    Attributes:
        rows: reads a local file into raw rows (text or typed) with the column `LINE`.
        columns: the name in the file of each of our columns.
    """

    rows: Callable[[Path], pl.DataFrame]
    columns: Mapping[str, str]


def read(source: str, file_format: str, columns: Mapping[str, str], sha256: str = "") -> pl.DataFrame:
    """Interactions of `source`, in the order of the file.

    Args:
        source: a path, or a URL of any filesystem that fsspec knows.
        file_format: a key of `FORMATS`.
        columns: the file's names of our columns, where they differ from the format's.
        sha256: what the bytes of the file must hash to; empty to trust them.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty, of another format or with another hash, or a value cannot be parsed.
    """
    if file_format not in FORMATS:
        raise ValueError(f"format {file_format!r} is unknown; the formats are {', '.join(FORMATS)}")
    chosen = FORMATS[file_format]
    with _local(source) as path:
        try:
            _check(path, sha256)
            return _interactions(chosen.rows(path), {**chosen.columns, **columns})
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from None


@contextmanager
def _local(source: str) -> Iterator[Path]:
    """The file itself, or a temporary copy of a remote one."""
    if "://" not in source:
        path = Path(source).expanduser()
        if not path.is_file():
            state = "is a folder, not a file" if path.is_dir() else "does not exist"
            raise FileNotFoundError(f"the source {source} {state}")
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "source"
        _download(source, copy)
        yield copy


def _download(source: str, copy: Path) -> None:
    try:
        with fsspec.open(source, "rb") as remote, copy.open("wb") as local:
            shutil.copyfileobj(remote, local)
    except FileNotFoundError:
        raise FileNotFoundError(f"the source {source} does not exist or cannot be reached") from None
    except Exception as error:  # every filesystem behind fsspec has errors of its own
        raise ValueError(f"{source} cannot be read: {error or type(error).__name__}") from error


def _check(path: Path, sha256: str) -> None:
    if not path.stat().st_size:
        raise ValueError("the file is empty")
    if not sha256:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ValueError(f"the file has SHA-256 {found}, not {sha256}: it is another or a damaged file")


def _movielens(path: Path) -> pl.DataFrame:
    """The rows of u.data (tabs), ratings.dat (`::`) or ratings.csv (commas and a header)."""
    with path.open("rb") as file:
        first = file.readline(1000).decode(errors="replace")
    if first.strip().removeprefix("\ufeff") == ",".join(MOVIELENS):
        return _csv(path)
    separators = [separator for separator in ("\t", "::") if separator in first]
    if not separators:
        raise ValueError(
            f"line 1 is {reprlib.repr(first.rstrip())}, but u.data separates its columns by tabs, ratings.dat"
            f" by '::', and ratings.csv begins with {','.join(MOVIELENS)}"
        )
    return _separated(path, separators[0])


def _separated(path: Path, separator: str) -> pl.DataFrame:
    """Lines of exactly four fields without a header or quotes."""
    lines = _decoded(path, lambda: pl.read_lines(path, name="text")).with_row_index(LINE, offset=1)
    lines = lines.filter(pl.col("text").str.strip_chars() != "")
    fields = pl.col("text").str.strip_prefix("\ufeff").str.strip_chars_end("\r")
    fields = fields.str.split(separator).list.eval(pl.when(pl.element() != "").then(pl.element()))
    rows = lines.select(LINE, fields.alias("fields"))
    wrong = rows.filter(pl.col("fields").list.len() != len(MOVIELENS))
    if wrong.height:
        number, found = wrong.row(0)
        raise ValueError(f"line {number} has {len(found)} columns, not {len(MOVIELENS)}")
    field = pl.col("fields").list
    return rows.select(LINE, *(field.get(index).alias(name) for index, name in enumerate(MOVIELENS)))


def _csv(path: Path) -> pl.DataFrame:
    """Rows of text under the names of the header; a quoted field may hold line breaks."""
    rows = _decoded(path, lambda: pl.read_csv(path, infer_schema=False))
    names = rows.columns
    breaks = pl.sum_horizontal(pl.col(names).str.count_matches("\n", literal=True).fill_null(0))
    line = 2 + pl.int_range(pl.len()) + breaks.cum_sum().shift(1, fill_value=0)
    return rows.with_columns(line.alias(LINE)).filter(~pl.all_horizontal(pl.col(names).is_null()))


def _parquet(path: Path) -> pl.DataFrame:
    """Typed rows; their number stands for the line."""
    try:
        return pl.read_parquet(path).with_row_index(LINE, offset=1)
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"the file is no Parquet: {_first_line(error)}") from None


FORMATS: dict[str, Format] = {
    "movielens": Format(_movielens, dict(zip((USER, ITEM, RATING, TIMESTAMP), MOVIELENS, strict=True))),
    "csv": Format(_csv, {name: name for name in SCHEMA}),
    "parquet": Format(_parquet, {name: name for name in SCHEMA}),
}


def _decoded(path: Path, rows: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    """What `rows` reads from `path`; a failure becomes one sentence, naming the line to blame if one is."""
    try:
        return rows()
    except pl.exceptions.PolarsError as error:
        _blame_bytes(path)
        _blame_columns(path)
        raise ValueError(f"the file is no table of text: {_first_line(error)}") from None


def _blame_bytes(path: Path) -> None:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                raise ValueError(f"line {number} is not UTF-8 text: {error.reason}") from None


def _blame_columns(path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        try:
            columns = len(next(rows, []))
            longer = next((len(row) for row in rows if len(row) > columns), None)
        except csv.Error as error:
            raise ValueError(f"line {rows.line_num} is no row of a CSV file: {error}") from None
    if longer is not None:
        raise ValueError(f"line {rows.line_num} has {longer} columns, but the header has {columns}")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _interactions(rows: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
    """The typed frame of interactions from raw rows."""
    _check_columns(rows, columns)
    found = {ours: rows[theirs] for ours, theirs in columns.items() if theirs in rows.columns}
    parsed = {ours: parse(found[ours], ours, rows[LINE]) for ours in SCHEMA if ours in found}
    return pl.DataFrame(parsed, schema={ours: SCHEMA[ours] for ours in parsed})


def _check_columns(rows: pl.DataFrame, columns: Mapping[str, str]) -> None:
    present = [name for name in rows.columns if name != LINE]
    for ours, theirs in columns.items():
        if ours not in SCHEMA:
            raise ValueError(f"columns.{ours} is no column of interactions; they have {', '.join(SCHEMA)}")
        if theirs not in present and (ours in REQUIRED or theirs != ours):
            names = ", ".join(map(reprlib.repr, present[:20]))
            raise ValueError(f"there is no column {theirs!r} to take {ours} from; the file has {names}")
