"""How Parquet files are read: a batch of rows at a time, only the columns that are needed."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from adrec.data.readers.raw import Raw
from adrec.data.readers.rejects import LINE, Rejects

BATCH = 500_000  # rows


def rows(path: Path, columns: Mapping[str, str], rejects: Rejects) -> Iterator[Raw]:
    """The typed rows of a file; their number stands for the line. No row is malformed before its values are seen."""
    first = 1
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            needed = [name for name in names if name in columns.values()]
            yield Raw(names, _numbered(file.schema_arrow.empty_table().select(needed), first))
            for batch in file.iter_batches(BATCH, columns=needed):
                yield Raw(names, _numbered(pa.Table.from_batches([batch]), first))
                first += batch.num_rows
    except (pa.ArrowException, OSError, pl.exceptions.PanicException) as error:
        raise ValueError(f"the file is no Parquet: {str(error).partition(chr(10))[0]}") from None


def _numbered(table: pa.Table, first: int) -> pl.DataFrame:
    table.validate(full=True)  # Polars takes for granted that text is UTF-8
    frame = pl.DataFrame(pl.from_arrow(table))
    return frame.with_columns(pl.int_range(first, first + pl.len(), dtype=pl.Int64).alias(LINE))
