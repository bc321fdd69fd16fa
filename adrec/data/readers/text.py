"""A text file, plain or gzip, as blocks of numbered lines: one block at a time is in memory."""

import gzip
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

import polars as pl

from adrec.data.readers.rejects import LINE, TEXT, Rejects

BLOCK = 2**24  # bytes
LONGEST = 2**26  # bytes of a line: what is longer is no text
GZIP = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
WHITE = " \t\r"
BLANK = pl.col(TEXT).str.strip_chars(WHITE) == ""


def lines(path: Path, rejects: Rejects) -> Iterator[pl.DataFrame]:
    """Frames of `LINE` and `TEXT`: every line that is UTF-8, without its line feed.

    Raises:
        ValueError: the file is a damaged gzip, or no text, or too many lines are not UTF-8.
    """
    first = 1
    for block in _blocks(path):
        yield _decoded(block, first, rejects)
        first += max(1, block.count(b"\n"))
    if first == 1:
        raise ValueError("the file is empty")


def first_line(path: Path) -> str:
    """How the file begins, for telling one format from another; what is no text is replaced."""
    with _opened(path) as file:
        return _read(file, 4096).removeprefix(BYTE_ORDER_MARK).partition(b"\n")[0].decode(errors="replace").strip()


def _opened(path: Path) -> BufferedIOBase:
    with path.open("rb") as file:
        zipped = file.read(len(GZIP)) == GZIP
    return gzip.open(path) if zipped else path.open("rb")


def _read(file: BufferedIOBase, size: int) -> bytes:
    try:
        return file.read(size)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ValueError(f"the gzip file is damaged or cut short: {error}") from None


def _blocks(path: Path) -> Iterator[bytes]:
    """The bytes of whole lines, without a byte order mark."""
    with _opened(path) as file:
        rest = _read(file, len(BYTE_ORDER_MARK)).removeprefix(BYTE_ORDER_MARK)
        while piece := _read(file, BLOCK):
            end = piece.rfind(b"\n") + 1
            if end:
                yield rest + piece[:end]
                rest = b""
            rest += piece[end:]
            if len(rest) > LONGEST:
                raise ValueError(f"a line is longer than {LONGEST:,} bytes: this is no text file")
    if rest:
        yield rest


def _decoded(block: bytes, first: int, rejects: Rejects) -> pl.DataFrame:
    try:
        text = block.decode().removesuffix("\n")
    except UnicodeDecodeError:
        return _line_by_line(block, first, rejects)
    texts = pl.Series(TEXT, [text]).str.split("\n").explode()
    return pl.DataFrame({LINE: pl.int_range(first, first + len(texts), eager=True), TEXT: texts})


def _line_by_line(block: bytes, first: int, rejects: Rejects) -> pl.DataFrame:
    """The lines of a block where some are not UTF-8."""
    kept, wrong = [], []
    for number, line in enumerate(block.removesuffix(b"\n").split(b"\n"), start=first):
        try:
            kept.append((number, line.decode()))
        except UnicodeDecodeError as error:
            wrong.append((number, f"not UTF-8 text ({error.reason})", line.decode(errors="backslashreplace")))
    rejects.add(wrong)
    return pl.DataFrame(kept, schema={LINE: pl.Int64, TEXT: pl.String}, orient="row")
