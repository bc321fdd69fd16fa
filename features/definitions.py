"""What the feature store holds: users with their histories, and one ranking of popular items.

`feast -c features apply` and `features/feast_repo.py` both read this file. It needs ADREC_FEATURES_DIR.
"""

import os
from pathlib import Path

from feast import Entity, FeatureService, FeatureView, Field, FileSource, PushSource, ValueType
from feast.types import Array, Float64, Int64, String

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
    description="Every user's history as of each moment at which it changed.",
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

ranking = Entity(
    name="ranking", join_keys=["ranking"], value_type=ValueType.STRING, description="Among whom items are ranked."
)

ranked = FileSource(
    name="ranked_items",
    path=str(FOLDER / "popular.parquet"),
    timestamp_field="event_timestamp",
    description="The ranking of items as of the newest interaction.",
)

popular_items = FeatureView(
    name="popular_items",
    entities=[ranking],
    schema=[
        Field(name="items", dtype=Array(String), description="External ids of the popular items, best first."),
        Field(name="scores", dtype=Array(Float64), description="Their interactions, weighted by age."),
    ],
    source=ranked,
)

fallback_v1 = FeatureService(
    name="fallback_v1", features=[popular_items], description="What is recommended to a user who is not known."
)
