"""Interactions from where others keep them: any published format, any path, glob or URL, in bounded memory.

A file passes through in batches: `files` finds it, a format of `FORMATS` cuts it into raw rows, `typed` makes them
interactions. Malformed lines go to the `Rejects`, with the reason. Values that can be represented but not believed
are for validation to judge; missing ones stay missing.
"""

from collections.abc import Iterator, Mapping

import polars as pl

from adrec.data.readers.formats import FORMATS
from adrec.data.readers.rejects import Rejects
from adrec.data.readers.sources import files
from adrec.data.readers.typed import Typing

__all__ = ["FORMATS", "Rejects", "read"]


def read(
    source: str, file_format: str, columns: Mapping[str, str], rejects: Rejects, sha256: str = ""
) -> Iterator[pl.DataFrame]:
    """Interactions of `source` in batches, in the order of the files' names and of the lines in each.

    Args:
        source: a path, a glob of paths, or a URL of any filesystem that fsspec knows.
        file_format: a key of `FORMATS`.
        columns: the files' names of our columns, where they differ from the format's.
        rejects: where malformed lines go.
        sha256: what the bytes of the files, one after the other, must hash to; empty to trust them.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file is empty, damaged, of another format or with another hash, or has too many malformed lines.
    """
    if file_format not in FORMATS:
        raise ValueError(f"format {file_format!r} is unknown; the formats are {', '.join(FORMATS)}")
    chosen = FORMATS[file_format]
    typing = Typing({**chosen.columns, **columns}, rejects)
    for name, path in files(source, sha256):
        rejects.file = name
        try:
            yield from typing.interactions(chosen.rows(path, typing.columns, rejects))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
