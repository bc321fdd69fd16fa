"""Spark makes the histories of one machine, row for row."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from adrec.data import demo, spark
from adrec.data.build import build_histories, keep_positives
from adrec.data.interactions import SCHEMA, TIMESTAMP

pytestmark = pytest.mark.usefixtures("small_spark")


def rated() -> pl.DataFrame:
    """Shuffled interactions with ratings, many ties in time, and users and items too rare to stay."""
    rows = demo.interactions(80, 50, seed=3)
    random = np.random.default_rng(0)
    rows = rows[random.permutation(rows.height)]
    times = pl.col(TIMESTAMP).dt.truncate("12h").cast(SCHEMA[TIMESTAMP])
    return rows.with_columns(times, rating=pl.Series(random.integers(1, 6, rows.height).astype(float)))


@pytest.mark.parametrize(("min_rating", "core"), [(2.0, 5), (4.0, 3), (0.0, 12), (6.0, 5)])
def test_spark_makes_the_same_catalogue_and_histories(tmp_path: Path, min_rating: float, core: int) -> None:
    path = tmp_path / "interactions.parquet"
    rated().write_parquet(path, row_group_size=150)  # Spark reads it in parts, of which none knows the others
    catalogue, histories = spark.build_histories(path, min_rating, core)
    expected, by_one_machine = build_histories(keep_positives(rated(), min_rating), core)
    assert catalogue == expected
    assert histories.users == by_one_machine.users
    assert (len(histories) == 0) == (min_rating == 6.0)
    for name in ("items", "timestamps", "offsets"):
        ours, theirs = getattr(histories, name), getattr(by_one_machine, name)
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("before", "java", "told"),
    [
        ("sys.modules['pyspark'] = None", "", "needs PySpark: pip install 'adrec-pipeline[spark]', or choose local"),
        ("pass", "/nowhere", "could not start Spark, which needs Java 17 or later"),
    ],
)
def test_what_spark_needs_is_told_in_one_sentence(before: str, java: str, told: str) -> None:
    program = (
        f"import sys; {before}\nfrom adrec.data import spark\n"
        "try: spark.open_session()\nexcept ValueError as e: print(e)"
    )
    environment = {**os.environ, **({"JAVA_HOME": java} if java else {})}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert told in done.stdout
    assert done.stdout.count("\n") == 1
