"""Popularity with decay: a half-life later an interaction counts half, and the ranking is read from the store."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adrec.config import Publish
from features import popularity, store
from tests.features.conftest import at_seconds, interactions

DAY = 86_400


def test_an_interaction_counts_half_after_each_half_life() -> None:
    rows = at_seconds([("u", "old", 0), ("v", "old", 0), ("u", "new", 20 * DAY), ("w", "middle", 10 * DAY)])
    ranked = popularity.ranking(rows, half_life_days=10, count=9)
    assert dict(ranked.iter_rows()) == pytest.approx({"new": 1.0, "old": 2 / 4, "middle": 1 / 2})
    assert ranked["item_id"].to_list() == ["new", "old", "middle"], "equal ones in the order of first appearance"
    assert popularity.ranking(rows, half_life_days=10, count=1)["item_id"].to_list() == ["new"]


def test_without_decay_to_speak_of_popularity_is_the_count() -> None:
    rows = at_seconds([("u", "a", 0), ("v", "a", 5 * DAY), ("u", "b", 9 * DAY)])
    assert dict(popularity.ranking(rows, 1e12, 9).iter_rows()) == pytest.approx({"a": 2.0, "b": 1.0})


def test_the_ranking_is_read_from_the_store_and_follows_the_events(folder: Path, settings: Publish) -> None:
    store.publish(interactions(ann=["a", "b"], bob=["a"]), replace(settings, popular_items=2))
    opened = store.open_store()
    assert [item for item, _ in store.popular(opened)] == ["a", "b"]
    for user in ("ann", "bob", "eve"):
        store.append(opened, user, "c", datetime(1970, 1, 9, tzinfo=UTC))
    store.refresh(opened)
    ranked = store.popular(opened)
    assert [item for item, _ in ranked] == ["c", "a"]
    assert ranked[0][1] == pytest.approx(3.0)


def test_the_ranking_of_an_older_dataset_replaces_that_of_a_newer_one(folder: Path, settings: Publish) -> None:
    store.publish(at_seconds([("ann", "new", 9)]), settings)
    store.publish(at_seconds([("ann", "old", 1)]), settings)
    assert [item for item, _ in store.popular(store.open_store())] == ["old"]


def test_a_store_without_a_ranking_has_no_popular_items(sqlite_folder: Path) -> None:
    assert store.popular(store.open_store()) == []
