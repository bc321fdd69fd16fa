"""Step `publish`: every user's most recent interactions go to the feature store, where the service reads them."""

import json
from itertools import pairwise
from pathlib import Path

import polars as pl

from adrec.config import Publish
from adrec.interactions import USER
from adrec.output import new_file
from adrec.sequences import Dataset
from components import tables
from features import store


def run(*, dataset: Path, publish: Publish, published: Path) -> None:
    """Fill the feature store from the prepared `dataset` and write what was published to the JSON file `published`.

    The histories are whole: the held-out targets are past by the time that somebody asks for a recommendation.
    """
    prepared = Dataset.read(dataset)
    histories = recent(prepared, publish.max_length)
    tables.check_features(histories, publish.max_length)
    store.publish(histories)
    summary = {
        "feature_service": store.SERVICE,
        "users": histories.height,
        "interactions": int(histories[store.ITEMS].list.len().sum()),
        "max_length": publish.max_length,
        "data_hash": prepared.about["data_hash"],
    }
    with new_file(published) as unfinished:
        unfinished.write_text(json.dumps(summary, indent=2) + "\n")


def recent(dataset: Dataset, max_length: int) -> pl.DataFrame:
    """Each user's `max_length` most recent interactions as `features.store.publish` takes them."""
    histories = dataset.histories.last(max_length)
    bounds = pairwise(histories.offsets)
    rows = {
        USER: list(histories.users),
        store.ITEMS: [dataset.catalogue.decode(items) for items in histories],
        store.TIMESTAMPS: [histories.timestamps[start:end].tolist() for start, end in bounds],
    }
    return pl.DataFrame(rows, schema=store.HISTORY)
