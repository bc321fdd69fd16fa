"""The tables of histories, held against what is expected of them: those that models read, and those that are served."""

from pathlib import Path

import polars as pl

from adrec.data.catalogue import CATALOGUE_FILE
from adrec.data.histories import HISTORIES_FILE
from adrec.data.interactions import USER
from components.expectations import declared, runner

ITEMS, TIMESTAMPS = pl.col("items"), pl.col("timestamps")
FACTS = ("length", "unpaired", "step")


def check_sequences(dataset: Path, shortest: int) -> None:
    """See that the histories that `prepare` wrote into the folder `dataset` can be trained on.

    Raises:
        ValueError: says what was expected and what was found.
    """
    items = pl.scan_parquet(dataset / CATALOGUE_FILE).select(pl.len()).collect().item()
    outcomes = runner.evaluate([sequences(dataset)], declared.of_sequences(items, shortest))
    runner.refuse(outcomes, "prepared histories are not fit for training", "nothing was written")


def check_features(histories: pl.DataFrame, max_length: int) -> None:
    """See that histories with external ids can be served; at most `max_length` interactions of a user are kept.

    Raises:
        ValueError: says what was expected and what was found.
    """
    outcomes = runner.evaluate([features(histories)], declared.of_features(max_length))
    runner.refuse(outcomes, "histories are not fit for the feature store", "it was left as it is")


def sequences(dataset: Path) -> pl.DataFrame:
    """One row of numbers for each history that models read."""
    ends = {"lowest": ITEMS.list.min().cast(pl.Int64), "highest": ITEMS.list.max().cast(pl.Int64)}
    return _facts(pl.read_parquet(dataset / HISTORIES_FILE)).select(USER, *FACTS, **ends)


def features(histories: pl.DataFrame) -> pl.DataFrame:
    """One row of numbers for each history that the service reads."""
    shortest = ITEMS.list.eval(pl.element().str.len_chars()).list.min().cast(pl.Int64)
    return _facts(histories).select(USER, *FACTS, shortest_id=shortest)


def _facts(histories: pl.DataFrame) -> pl.DataFrame:
    """With the number of interactions, how many have no time or no item, and the smallest step in time."""
    length, times = ITEMS.list.len().cast(pl.Int64), TIMESTAMPS.list.len().cast(pl.Int64)
    return histories.with_columns(length=length, unpaired=length - times, step=TIMESTAMPS.list.diff().list.min())
