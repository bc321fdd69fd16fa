"""Step `publish`: what is known of every user goes to the feature store, where the service reads it."""

import json
from pathlib import Path

import numpy as np
import polars as pl

from adrec.config import Publish
from adrec.interactions import ITEM, SCHEMA, TIMESTAMP, USER
from adrec.output import new_file
from adrec.sequences import Dataset
from components import tables
from features import histories, profile, store


def run(*, dataset: Path, publish: Publish, published: Path) -> None:
    """Fill the feature store from the prepared `dataset` and write what was published to the JSON file `published`.

    The histories are whole: the held-out targets are past by the time that somebody asks for a recommendation.
    """
    prepared = Dataset.read(dataset)
    rows = interactions(prepared)
    tables.check_features(histories.latest(rows, publish.max_length), publish.max_length)
    store.publish(rows, publish)
    profile.write(profile_of(prepared, publish.max_length))
    summary = {
        "feature_service": store.SERVICE,
        "users": len(prepared.histories),
        "interactions": len(prepared.histories.items),
        "max_length": publish.max_length,
        "data_hash": prepared.about["data_hash"],
    }
    with new_file(published) as unfinished:
        unfinished.write_text(json.dumps(summary, indent=2) + "\n")


def profile_of(dataset: Dataset, max_length: int) -> profile.Profile:
    """What training sees of the histories, for `drift` to hold against what the service is asked."""
    recent = dataset.histories.last(max_length)
    counts = np.bincount(recent.items, minlength=len(dataset.catalogue) + 1)[1:]
    lengths, users = np.unique(recent.lengths, return_counts=True)
    return profile.Profile(
        data_tag=str(dataset.about["data_tag"]),
        lengths=dict(zip(lengths.tolist(), users.tolist(), strict=True)),
        items=dict(zip(dataset.catalogue.items, counts.tolist(), strict=True)),
    )


def interactions(dataset: Dataset) -> pl.DataFrame:
    """The interactions of the histories again, user by user, each user's in order."""
    numbered = dataset.histories
    items = pl.Series(dataset.catalogue.items, dtype=pl.String).gather(numbered.items.astype(np.int64) - 1)
    users = pl.Series(numbered.users, dtype=pl.String).gather(np.repeat(np.arange(len(numbered)), numbered.lengths))
    times = pl.from_epoch(pl.Series(numbered.timestamps), "us").dt.replace_time_zone("UTC")
    return pl.DataFrame({USER: users, ITEM: items, TIMESTAMP: times}).cast({TIMESTAMP: SCHEMA[TIMESTAMP]})
