"""What an interaction is, and the one file format in which interactions travel.

Interactions are one Polars frame: `user_id` and `item_id` (strings), `timestamp` (UTC, microseconds), and
where the source has them `rating` (float) and `event` (string). Rows keep the order of the source: it breaks
ties in time.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

from adrec.files import new_file

USER = "user_id"
ITEM = "item_id"
TIMESTAMP = "timestamp"
RATING = "rating"
EVENT = "event"

SCHEMA = {
    USER: pl.String(),
    ITEM: pl.String(),
    TIMESTAMP: pl.Datetime("us", "UTC"),
    RATING: pl.Float64(),
    EVENT: pl.String(),
}
REQUIRED = (USER, ITEM, TIMESTAMP)
ABOUT = "adrec"  # key of the Parquet metadata that says what a source is known to be
ROW_GROUP = 1_000_000  # rows


def write(interactions: pl.DataFrame, path: Path, about: Mapping[str, Any]) -> None:
    """Write interactions to a Parquet file; equal frames and equal `about` (JSON values) give equal bytes."""
    write_batches([interactions], path, about)


def write_batches(batches: Iterable[pl.DataFrame], path: Path, about: Mapping[str, Any]) -> None:
    """Write batches of interactions, one row group of them in memory at a time; there must be one, if of no rows.

    The bytes are those of `write` for the batches as one frame.
    """
    import pyarrow.parquet as pq

    groups = _row_groups(batches)
    first = next(groups)
    assert dict(first.schema).items() <= SCHEMA.items(), first.schema
    schema = first.to_arrow().schema.with_metadata({ABOUT: json.dumps(about, sort_keys=True)})
    with new_file(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as file:
        for group in chain([first], groups):
            file.write_table(group.rechunk().to_arrow().cast(schema), row_group_size=ROW_GROUP)


def _row_groups(batches: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same rows in frames of `ROW_GROUP`, the last one smaller."""
    waiting: pl.DataFrame | None = None
    for batch in batches:
        waiting = batch if waiting is None else pl.concat([waiting, batch])
        while waiting.height > ROW_GROUP:
            yield waiting.head(ROW_GROUP)
            waiting = waiting[ROW_GROUP:]
    assert waiting is not None, "a source without a batch is refused where it is read"
    yield waiting


def read(path: Path) -> pl.DataFrame:
    """Read what `write` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no Parquet.
    """
    return scan(path).collect()


def scan(path: Path) -> pl.LazyFrame:
    """The same, to be read only as far as it is needed; raises as `read` does."""
    if not path.is_file():
        raise FileNotFoundError(f"there are no interactions at {path}: run the ingest step first")
    try:
        table = pl.scan_parquet(path)
        table.collect_schema()
    except pl.exceptions.ComputeError as error:
        raise ValueError(f"{path} is no Parquet file of interactions: {error}") from None
    return table


def about(path: Path) -> dict[str, Any]:
    """What `write` was told about the source; nothing for a file from elsewhere."""
    found = json.loads(pl.read_parquet_metadata(path).get(ABOUT, "{}"))
    assert isinstance(found, dict), found
    return found
