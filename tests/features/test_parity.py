"""Parity at size: what the service reads online, what Feast answers offline and what training sees are the same."""

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from adrec import config
from adrec.config import Publish
from adrec.data import readers
from adrec.data.build import build_histories, keep_positives
from features import store
from features.settings import EVENT_TIMESTAMP, ITEMS

pytestmark = pytest.mark.data

EVENTS = 10_000
MINUTES = 60_000_000  # microseconds


def source(name: str, tmp_path: Path) -> pl.DataFrame:
    """MovieLens-100K as published; Beauty with the position as its time, which it does not have."""
    folder = Path(os.environ["ADREC_DATA_DIR"])
    if name == "ml-100k":
        with readers.Rejects(tmp_path / "rejects.csv", 0) as rejects:
            return pl.concat(readers.read(str(folder / name / "u.data"), "movielens", {}, rejects))
    rows = pl.read_csv(
        folder / name / "interactions.csv.gz", schema_overrides={"user_id": pl.String, "item_id": pl.String}
    )
    times = pl.from_epoch("position", "s").dt.cast_time_unit("us").dt.replace_time_zone("UTC")
    return rows.select("user_id", "item_id", times.alias("timestamp"))


def live(rows: pl.DataFrame) -> pl.DataFrame:
    """Random events: users of the data and new ones, new and old moments, every tenth sent before."""
    draw = np.random.default_rng(7)
    users = rows["user_id"].unique(maintain_order=True).to_list() + [f"new {n}" for n in range(100)]
    items = rows["item_id"].unique(maintain_order=True).to_list() + [f"new {n}" for n in range(50)]
    first, last = (rows["timestamp"].dt.epoch("us").min(), rows["timestamp"].dt.epoch("us").max())
    moments = draw.integers(first, last + 2 * MINUTES, EVENTS)
    moments[::3] = rows["timestamp"].dt.epoch("us").to_numpy()[draw.integers(0, rows.height, len(moments[::3]))]
    times = pl.from_epoch(pl.Series(moments), "us").dt.replace_time_zone("UTC")
    drawn = pl.DataFrame(
        {
            "user_id": [users[n] for n in draw.integers(0, len(users), EVENTS)],
            "item_id": [items[n] for n in draw.integers(0, len(items), EVENTS)],
            "timestamp": times,
        }
    )
    return pl.concat(
        [
            drawn.head(EVENTS * 9 // 10),
            drawn.head(EVENTS // 20),
            rows.select(drawn.columns).sample(EVENTS // 20, seed=7),
        ]
    )


def everywhere(opened: store.Store, rows: pl.DataFrame, max_length: int) -> None:
    """Hold the histories online and offline against those that training would read of `rows`."""
    catalogue, histories = build_histories(rows)
    training = [catalogue.decode(items) for items in histories.last(max_length)]
    asked = pl.DataFrame({"user_id": histories.users, EVENT_TIMESTAMP: datetime.now(UTC)})
    assert store.histories_as_of(opened, asked)[ITEMS].to_list() == training
    assert [store.history(opened, user) for user in histories.users] == training


def k_core_mask(liked: pl.DataFrame, core: int) -> pl.DataFrame:
    """The rows of the users and items that have `core` interactions with each other."""
    catalogue, histories = build_histories(liked, core)
    users, items = pl.Series(histories.users), pl.Series(catalogue.items)
    rows = liked.select("user_id", "item_id", "timestamp")
    return rows.filter(pl.col("user_id").is_in(users.implode()), pl.col("item_id").is_in(items.implode()))


@pytest.mark.parametrize("name", ["ml-100k", "beauty"])
def test_histories_are_the_same_online_offline_and_in_training(
    name: str, sqlite_folder: Path, settings: Publish, params: dict[str, config.Section], tmp_path: Path
) -> None:
    section = params["prepare"]
    assert isinstance(section, config.Prepare)
    liked = keep_positives(source(name, tmp_path), section.min_rating)
    rows = k_core_mask(liked, section.core)
    store.publish(rows, settings)
    opened = store.open_store()
    everywhere(opened, rows, settings.max_length)

    events = live(rows)
    for user, item, time in events.iter_rows():
        store.append(opened, user, item, time)
    new = events.unique(maintain_order=True).join(rows, on=rows.columns, how="anti", maintain_order="left")
    everywhere(opened, pl.concat([rows, new]), settings.max_length)
