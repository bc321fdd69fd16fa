"""How histories get into the feature store and out of it.

Item ids are external here, so a model with another catalogue needs no other features. Where the stores are is decided
by `feature_store.yaml` and the environment variable ADREC_FEATURES_DIR.
"""

import os
import runpy
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from adrec.interactions import USER

if TYPE_CHECKING:
    from feast import FeatureService, FeatureStore

FOLDER_VARIABLE = "ADREC_FEATURES_DIR"
DEFAULT_FOLDER = "artifacts/features"
REPOSITORY = Path(__file__).parent
HISTORIES_FILE = "histories.parquet"

VIEW = "user_history"
PUSH_SOURCE = "user_history_push"
SERVICE = "recommender_v1"

ITEMS = "items"
TIMESTAMPS = "timestamps"
LENGTH = "length"
EVENT_TIMESTAMP = "event_timestamp"
EPOCH = datetime.fromtimestamp(0, UTC)
HISTORY = {USER: pl.String(), ITEMS: pl.List(pl.String()), TIMESTAMPS: pl.List(pl.Int64())}


@dataclass(frozen=True)
class Store:
    """An open feature store and the feature service that is read from it."""

    feast: "FeatureStore"
    service: "FeatureService"


def folder() -> Path:
    """Where the store keeps its state, absolute; also for `feature_store.yaml`, which reads the environment."""
    place = Path(os.environ.get(FOLDER_VARIABLE, DEFAULT_FOLDER)).resolve()
    os.environ[FOLDER_VARIABLE] = str(place)
    return place


def open_store(service: str = SERVICE) -> Store:
    """Open the store to read `service` from it.

    Raises:
        ValueError: nothing was published there, or not this feature service.
    """
    from feast.errors import FeatureServiceNotFoundException

    place = folder()
    if not place.is_dir():
        raise ValueError(f"there is no feature store in {place}: publish one, or name its folder in {FOLDER_VARIABLE}")
    feast = _connect()
    try:
        return Store(feast, feast.get_feature_service(service))
    except FeatureServiceNotFoundException:
        raise ValueError(
            f"the feature store in {place} has no feature service {service!r}: publish it, "
            f"or name another folder in {FOLDER_VARIABLE}"
        ) from None


def publish(histories: pl.DataFrame) -> None:
    """Make `histories` what the store knows of its users, in place of what was published before.

    Users of the former dataset who are not in this one become unknown. Interactions appended since then are kept
    only where the new histories hold them. The online store changes in one write, the offline table in one rename.

    Args:
        histories: one row per user: `user_id`, `items` (external ids, oldest first) and `timestamps` (microseconds),
            both of the same length and not empty.
    """
    assert dict(histories.schema) == HISTORY, f"histories have the columns {dict(histories.schema)}"
    table = folder() / HISTORIES_FILE
    table.parent.mkdir(parents=True, exist_ok=True)
    store = _connect()
    store.apply(_definitions())
    former = pl.read_parquet(table, columns=list(HISTORY)) if table.exists() else histories.clear()
    forgotten = former.join(histories, on=USER, how="anti").with_columns(
        pl.lit([], dtype=HISTORY[name]).alias(name) for name in (ITEMS, TIMESTAMPS)
    )
    _write_online(store, pl.concat([histories, forgotten]))
    newest = pl.from_epoch(pl.col(TIMESTAMPS).list.last(), "us").dt.replace_time_zone("UTC")
    temporary = table.with_name(f".{table.name}.part")
    _with_length(histories).with_columns(newest.alias(EVENT_TIMESTAMP)).write_parquet(temporary)
    temporary.replace(table)


def history(store: Store, user: str) -> list[str] | None:
    """The external ids of the user's last items, oldest first; None for an unknown user."""
    return _read(store, user)[0] or None


def append(store: Store, user: str, item: str, time: datetime, *, max_length: int) -> None:
    """Add one interaction to the user's history, of which the `max_length` most recent are kept.

    A late interaction takes its place in the order of time, after others of the same time; one that is there already
    changes nothing. One writer per user at a time: the history is read, changed and written back.

    Raises:
        ValueError: `time` has no time zone.
    """
    if time.tzinfo is None:
        raise ValueError(f"the time {time} of an interaction needs a time zone")
    items, timestamps = _read(store, user)
    changed = insert(items, timestamps, item, (time - EPOCH) // timedelta(microseconds=1), max_length)
    if changed == (items, timestamps):
        return
    row = pl.DataFrame([(user, *changed)], schema=HISTORY, orient="row")
    store.feast.push(PUSH_SOURCE, _as_written_now(row))


def insert(
    items: Sequence[str], timestamps: Sequence[int], item: str, timestamp: int, max_length: int
) -> tuple[list[str], list[int]]:
    """The history with one interaction more, in order of time, cut to its last `max_length`; each one counts once."""
    if (item, timestamp) in zip(items, timestamps, strict=True):
        return list(items), list(timestamps)
    place = bisect_right(timestamps, timestamp)
    return (
        [*items[:place], item, *items[place:]][-max_length:],
        [*timestamps[:place], timestamp, *timestamps[place:]][-max_length:],
    )


def _connect() -> "FeatureStore":
    from feast import FeatureStore

    return FeatureStore(repo_path=str(REPOSITORY))


def _definitions() -> list[Any]:
    """The Feast objects of `definitions.py`, read afresh, as Feast's own command does: the folder may have changed."""
    from feast import Entity, FeatureService, FeatureView, PushSource

    kinds = (Entity, FeatureService, FeatureView, PushSource)
    return [item for item in runpy.run_path(str(REPOSITORY / "definitions.py")).values() if isinstance(item, kinds)]


def _read(store: Store, user: str) -> tuple[list[str], list[int]]:
    """Items and timestamps of a user; both empty for an unknown one. Online stores differ in status, not in value."""
    features = store.feast.get_online_features(store.service, [{USER: user}]).to_dict()
    return features[ITEMS][0] or [], features[TIMESTAMPS][0] or []


def _write_online(store: "FeatureStore", histories: pl.DataFrame) -> None:
    store.write_to_online_store(VIEW, _as_written_now(histories))


def _as_written_now(histories: pl.DataFrame) -> Any:
    """Rows for the online store. A Pandas frame: Feast takes no other."""
    # Not the newest interaction's time: Redis drops a row no newer than the one it holds, and a late interaction or
    # another dataset makes a history whose newest interaction is no newer.
    written = pl.lit(datetime.now(UTC)).dt.cast_time_unit("us").alias(EVENT_TIMESTAMP)
    return _with_length(histories).with_columns(written).to_pandas()


def _with_length(histories: pl.DataFrame) -> pl.DataFrame:
    return histories.with_columns(pl.col(ITEMS).list.len().cast(pl.Int64).alias(LENGTH))
