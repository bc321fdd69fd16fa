"""The published formats: how each is cut into rows, and which of its columns mean what.

One more format is one more entry of `FORMATS`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from adrec.data.interactions import ITEM, RATING, SCHEMA, TIMESTAMP, USER
from adrec.data.readers import json_lines, parquet
from adrec.data.readers.delimited import Dialect
from adrec.data.readers.raw import Raw
from adrec.data.readers.rejects import Rejects
from adrec.data.readers.text import first_line

Rows = Callable[[Path, Mapping[str, str], Rejects], Iterator[Raw]]  # of a file, with the columns that are needed


@dataclass(frozen=True)
class Format:
    """A published format.

    Attributes:
        rows: how a file becomes raw rows.
        columns: the name in the file of each of our columns.
    """

    rows: Rows
    columns: Mapping[str, str]


def _columns(user: str, item: str, timestamp: str, rating: str) -> dict[str, str]:
    return {USER: user, ITEM: item, TIMESTAMP: timestamp, RATING: rating}


OURS = {name: name for name in SCHEMA}
MOVIELENS = _columns("userId", "movieId", "timestamp", "rating")
AMAZON = _columns("reviewerID", "asin", "unixReviewTime", "overall")
AMAZON_2023 = _columns("user_id", "parent_asin", "timestamp", "rating")
YELP = _columns("user_id", "business_id", "date", "stars")

CSV, TSV = Dialect(","), Dialect("\t")
RECBOLE = Dialect("\t", quoted=False, name=lambda field: field.partition(":")[0])  # name:type


def _movielens(path: Path, columns: Mapping[str, str], rejects: Rejects) -> Iterator[Raw]:
    """The rows of u.data (tabs), ratings.dat (`::`) or ratings.csv (commas and a header)."""
    first, names = first_line(path), tuple(MOVIELENS[name] for name in (USER, ITEM, RATING, TIMESTAMP))
    if first.replace('"', "") == ",".join(names):
        return CSV.rows(path, columns, rejects)
    for separator in ("\t", "::"):
        if separator in first:
            return Dialect(separator, names, quoted=False).rows(path, columns, rejects)
    raise ValueError(
        f"line 1 is {first[:80]!r}, but u.data separates its columns by tabs, ratings.dat by '::', and ratings.csv"
        f" begins with {','.join(names)}"
    )


def _json_or(otherwise: Rows) -> Rows:
    """JSON lines if the file begins like them, else `otherwise`."""

    def rows(path: Path, columns: Mapping[str, str], rejects: Rejects) -> Iterator[Raw]:
        chosen = json_lines.rows if first_line(path).startswith("{") else otherwise
        return chosen(path, columns, rejects)

    return rows


def _amazon(*order: str) -> Format:
    """Reviews as JSON lines, or ratings alone without a header in this order."""
    ratings = Dialect(",", tuple(AMAZON[name] for name in order))
    return Format(_json_or(ratings.rows), AMAZON)


FORMATS: dict[str, Format] = {
    "movielens": Format(_movielens, MOVIELENS),
    "amazon-2014": _amazon(USER, ITEM, RATING, TIMESTAMP),
    "amazon-2018": _amazon(ITEM, USER, RATING, TIMESTAMP),
    "amazon-2023": Format(_json_or(CSV.rows), AMAZON_2023),
    "yelp": Format(json_lines.rows, YELP),
    "recbole": Format(RECBOLE.rows, OURS),
    "rechorus": Format(TSV.rows, OURS | {TIMESTAMP: "time"}),
    "csv": Format(CSV.rows, OURS),
    "tsv": Format(TSV.rows, OURS),
    "jsonl": Format(json_lines.rows, OURS),
    "parquet": Format(parquet.rows, OURS),
}
