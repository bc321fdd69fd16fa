"""What categories items have, as a file says it: for asking what the embeddings know of them, never for training.

The file is CSV with a header, `item_id,categories` or as MovieLens' `movies.csv` (`movieId,title,genres`), the
categories of an item separated by `|`; or MovieLens-100K's `u.item`, with a flag for each genre.

Legend: M items whose categories are known, G categories.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from pathlib import Path

import numpy as np

from adrec.data.readers.sources import files

COLUMNS = (("item_id", "categories"), ("movieId", "genres"))
SEPARATOR = "|"
GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
FLAGS_FROM = 5  # fields before the flags of `u.item`: number, title, two dates, address

Categories = dict[str, frozenset[str]]  # of each item, by its external id


def read(source: str) -> Categories:
    """The categories of all items of a file, on this machine or at an fsspec URL.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is neither of the formats, or a line is not as the others; the message names both.
    """
    found: dict[str, set[str]] = {}
    for name, path in files(source, sha256=""):
        try:
            for item, categories in _rows(_lines(path)):
                found.setdefault(item, set()).update(filter(None, categories))
        except (ValueError, csv.Error) as error:
            raise ValueError(f"{name}: {error}") from None
    return {item: frozenset(categories) for item, categories in found.items()}


def table(categories: Mapping[str, Iterable[str]], items: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """What is known of the `items`, external ids in the order of the catalogue.

    Returns:
        The indices of those whose categories are known, int64 [M]; and which of them has which category, bool [M, G],
        categories in alphabetical order.
    """
    known_M = np.flatnonzero([item in categories for item in items])
    sets = [set(categories[items[index]]) for index in known_M]
    names = sorted({name for own in sets for name in own})
    labels_MG = np.zeros((len(sets), len(names)), dtype=bool)
    for row_G, own in zip(labels_MG, sets, strict=True):
        row_G[:] = [name in own for name in names]
    return known_M, labels_MG


def _lines(path: Path) -> list[str]:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")  # as `u.item` is
    return list(StringIO(text, newline=None))  # `splitlines` would break at characters that titles have


def _rows(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """The id and the categories of each line's item."""
    header = next(csv.reader(lines[:1]), [])
    for columns in COLUMNS:
        if set(columns) <= set(header):
            return _of_csv(lines, *columns)
    if lines and len(lines[0].split(SEPARATOR)) == FLAGS_FROM + len(GENRES):
        return _of_flags(lines)
    expected = " or ".join(",".join(columns) for columns in COLUMNS)
    raise ValueError(f"neither a CSV file with the columns {expected} nor MovieLens' u.item")


def _of_csv(lines: list[str], item: str, categories: str) -> Iterator[tuple[str, list[str]]]:
    rows = csv.DictReader(lines)
    for row in rows:
        if row[item] is None or row[categories] is None:
            raise ValueError(f"line {rows.line_num} has fewer fields than the header")
        yield row[item], row[categories].split(SEPARATOR)


def _of_flags(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    for number, line in enumerate(lines, start=1):
        fields = line.rstrip("\n").split(SEPARATOR)
        item, flags = fields[0], fields[FLAGS_FROM:]
        if len(flags) != len(GENRES) or not set(flags) <= {"0", "1"}:
            raise ValueError(f"line {number} does not end in {len(GENRES)} flags of 0 or 1")
        yield item, [genre for genre, flag in zip(GENRES, flags, strict=True) if flag == "1"]
