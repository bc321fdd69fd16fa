"""The same histories from Spark, for logs that one machine does not hold; the only file that knows PySpark.

Filter, k-core, numbering and order run on the cluster; the histories, which training needs on one machine anyway, come
back through Arrow. The interactions are one Parquet file that driver and executors see under the same path. Spark is
configured as any Spark program is (`spark-defaults.conf`); without that it uses this machine's cores.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from adrec.data.catalogue import Catalogue
from adrec.data.histories import Histories
from adrec.data.interactions import ITEM, RATING, TIMESTAMP, USER

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROW = "row"  # place in the file: it breaks ties in time and orders what is numbered
NUMBER = "number"
EVENTS = "events"


def build_histories(interactions: Path, min_rating: float, core: int) -> tuple[Catalogue, Histories]:
    """What `adrec.data.build` makes of the liked interactions, row for row.

    Args:
        interactions: the Parquet file.
        min_rating: least rating that counts as liked; data without ratings pass whole.
        core: least number of interactions of a user and of an item.

    Raises:
        ValueError: PySpark or Java is missing.
    """
    session = open_session()
    rows = k_core(keep_positives(session.read.parquet(str(interactions.absolute())), min_rating), core)
    items = rows.groupBy(ITEM).agg({ROW: "min"}).orderBy(f"min({ROW})").toArrow()[ITEM]
    numbers = pa.table({ITEM: items, NUMBER: pa.array(range(1, len(items) + 1), pa.int32())})
    histories = histories_of(rows.join(session.createDataFrame(numbers), ITEM)).toArrow()
    lists = (histories[name].combine_chunks() for name in (NUMBER, TIMESTAMP))
    return Catalogue(tuple(items.to_pylist())), Histories.of_lists(histories[USER].to_pylist(), *lists)


def open_session() -> "SparkSession":
    """The Spark session of this process, made on first use."""
    try:
        from pyspark.errors import PySparkRuntimeError
        from pyspark.sql import SparkSession
    except ImportError:
        raise ValueError(
            "params: prepare.engine = 'spark' needs PySpark: pip install 'adrec-pipeline[spark]', or choose local"
        ) from None
    builder = SparkSession.builder.appName("adrec-prepare").config("spark.ui.showConsoleProgress", "false")
    try:
        session: SparkSession = builder.config("spark.sql.execution.arrow.pyspark.enabled", "true").getOrCreate()
    except PySparkRuntimeError as error:
        raise ValueError(
            "params: prepare.engine = 'spark' could not start Spark, which needs Java 17 or later and a user whom"
            f" /etc/passwd names; Java's own words stand above ({error})"
        ) from None
    return session


def keep_positives(rows: "DataFrame", min_rating: float) -> "DataFrame":
    """User, item, microseconds and place in the file of the rows rated at least `min_rating`."""
    rated = rows.where(rows[RATING] >= min_rating) if RATING in rows.columns else rows
    return rated.selectExpr(USER, ITEM, f"unix_micros({TIMESTAMP}) as {TIMESTAMP}", f"_metadata.row_index as {ROW}")


def k_core(rows: "DataFrame", core: int) -> "DataFrame":
    """Drop users and items with fewer than `core` interactions until none is left.

    Each pass is kept on the executors: without that, every pass would do all passes before it again.
    """
    rows = rows.localCheckpoint()
    before, left = -1, rows.count()
    while left != before:
        for key in (USER, ITEM):
            known = rows.groupBy(key).count().where(f"count >= {core}").select(key)
            rows = rows.join(known, key, "left_semi")
        rows = rows.localCheckpoint()
        before, left = left, rows.count()
    return rows


def histories_of(rows: "DataFrame") -> "DataFrame":
    """One row for each user, in the order of first appearance: events (time, place, item number), oldest first."""
    from pyspark.sql import functions as sql

    event = sql.struct(TIMESTAMP, ROW, NUMBER)
    histories = rows.groupBy(USER).agg(sql.min(ROW).alias(ROW), sql.array_sort(sql.collect_list(event)).alias(EVENTS))
    parts = [sql.col(f"{EVENTS}.{field}").alias(field) for field in (TIMESTAMP, NUMBER)]
    return histories.orderBy(ROW).select(USER, *parts)
