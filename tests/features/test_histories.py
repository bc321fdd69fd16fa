"""How interactions become rows: the order of arrival does not matter, and no row knows its future."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from features import histories
from features.settings import EVENT_TIMESTAMP, ITEMS, LENGTH, TIMESTAMPS
from tests.features.conftest import SECOND, at_seconds, interactions

events = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(-3, 6)), unique=True, min_size=1)


@given(st.permutations([(f"item {n}", n) for n in range(8)]), st.integers(1, 10))
def test_the_order_of_arrival_does_not_matter(events: list[tuple[str, int]], max_length: int) -> None:
    items: list[str] = []
    timestamps: list[int] = []
    for item, timestamp in [*events, *events]:
        items, timestamps = histories.insert(items, timestamps, item, timestamp, max_length)
    assert items == [item for item, _ in sorted(events, key=lambda event: event[1])][-max_length:]
    assert timestamps == sorted(timestamps)


@given(events, st.integers(1, 4))
def test_events_inserted_one_by_one_make_the_history_that_is_made_at_once(
    events: list[tuple[str, str, int]], max_length: int
) -> None:
    at_once = {row[0]: row[1:] for row in histories.latest(at_seconds(events), max_length).iter_rows()}
    for user, found in at_once.items():
        items: list[str] = []
        timestamps: list[int] = []
        for _, item, second in (event for event in events if event[0] == user):
            items, timestamps = histories.insert(items, timestamps, item, second * SECOND, 1000)
        assert found == (items[-max_length:], timestamps[-max_length:])


@given(events, st.integers(1, 4))
def test_each_moment_has_the_history_of_the_interactions_until_then(
    events: list[tuple[str, str, int]], max_length: int
) -> None:
    rows = at_seconds(events)
    moments = histories.moments(rows, max_length)
    assert moments.height == rows.select("user_id", "timestamp").unique().height
    for row in moments.iter_rows(named=True):
        until_then = rows.filter(pl.col("user_id") == row["user_id"], pl.col("timestamp") <= row[EVENT_TIMESTAMP])
        _, items, timestamps = histories.latest(until_then, max_length).row(0)
        assert (row[ITEMS], row[TIMESTAMPS], row[LENGTH]) == (items, timestamps, len(items))


def test_nothing_makes_no_rows_of_the_same_columns() -> None:
    some, none = interactions(ann=["a"]), interactions()
    assert histories.latest(none, 5).schema == histories.latest(some, 5).schema
    assert histories.moments(none, 5).schema == histories.moments(some, 5).schema
    assert not np.any([histories.latest(none, 5).height, histories.moments(none, 5).height])
