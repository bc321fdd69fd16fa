"""What the feature store holds: one entity, one view of its history, one way to push to it, one service.

`feast -c features apply` and `features/store.py` both read this file. It needs ADREC_FEATURES_DIR.
"""

import os
from pathlib import Path

from feast import Entity, FeatureService, FeatureView, Field, FileSource, PushSource, ValueType
from feast.types import Array, Int64, String

FOLDER = Path(os.environ.get("ADREC_FEATURES_DIR", ""))
if not FOLDER.is_absolute():
    raise ValueError(f"ADREC_FEATURES_DIR = '{FOLDER}' must be an absolute path: the folder of the feature store")

user = Entity(
    name="user", join_keys=["user_id"], value_type=ValueType.STRING, description="Who interacts, by external id."
)

published = FileSource(
    name="published_histories",
    path=str(FOLDER / "histories.parquet"),
    timestamp_field="event_timestamp",
    description="Every user's history as last published; the time is that of the newest interaction.",
)

interactions = PushSource(
    name="user_history_push", batch_source=published, description="A user's history after a live interaction."
)

user_history = FeatureView(
    name="user_history",
    entities=[user],
    schema=[
        Field(name="items", dtype=Array(String), description="External ids of the last items, oldest first."),
        Field(name="timestamps", dtype=Array(Int64), description="Their times, microseconds since 1970 UTC."),
        Field(name="length", dtype=Int64, description="How many they are."),
    ],
    source=interactions,
)

recommender_v1 = FeatureService(
    name="recommender_v1", features=[user_history], description="What the recommender reads of a user."
)
