"""Where the feature store keeps its state, and what its tables look like.

* `ADREC_FEATURES_DIR`: the folder (`artifacts/features`).
* `ADREC_REDIS`: the online store is this Redis server, as in `localhost:6379,db=1`, and not SQLite in the folder.
"""

import os
from pathlib import Path

import polars as pl

from adrec.data.interactions import ITEM, SCHEMA, TIMESTAMP, USER

FOLDER_VARIABLE = "ADREC_FEATURES_DIR"
REDIS_VARIABLE = "ADREC_REDIS"
DEFAULT_FOLDER = "artifacts/features"

INTERACTIONS_FILE = "interactions.parquet"  # as last published
EVENTS_FILE = "events.db"  # since then, and before
HISTORIES_FILE = "histories.parquet"  # Feast's offline table of histories
POPULAR_FILE = "popular.parquet"  # Feast's offline table of popular items

ITEMS = "items"
TIMESTAMPS = "timestamps"
LENGTH = "length"
EVENT_TIMESTAMP = "event_timestamp"
INTERACTIONS = pl.Schema({name: SCHEMA[name] for name in (USER, ITEM, TIMESTAMP)})
HISTORY = {USER: pl.String(), ITEMS: pl.List(pl.String()), TIMESTAMPS: pl.List(pl.Int64())}


def folder() -> Path:
    """Where the store keeps its state, absolute; also for `feature_store.yaml`, which reads the environment."""
    place = Path(os.environ.get(FOLDER_VARIABLE, DEFAULT_FOLDER)).resolve()
    os.environ[FOLDER_VARIABLE] = str(place)
    return place
