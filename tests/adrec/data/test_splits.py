"""Leave-one-out holds out what is last, global time what is later; only the first lets training see the future."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adrec.data import splits
from adrec.data.build import build_histories
from adrec.data.dataset import Dataset
from adrec.data.interactions import ITEM, SCHEMA, TIMESTAMP, USER
from adrec.data.splits import GlobalTime, LeaveOneOut

EVENTS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvwxyz"), st.integers(0, 20)), min_size=1, max_size=60
)


def dataset(events: list[tuple[str, str, int]], split: splits.Split | None = None) -> Dataset:
    """Interactions of (user, item, microsecond) as a dataset with this split."""
    schema = {USER: pl.String, ITEM: pl.String, TIMESTAMP: pl.Int64}
    rows = pl.DataFrame(events, schema=schema, orient="row").with_columns(
        pl.from_epoch(TIMESTAMP, time_unit="us").cast(SCHEMA[TIMESTAMP])
    )
    return Dataset(*build_histories(rows), {"split": split.as_dict()} if split else {})


@pytest.mark.parametrize("split", [None, LeaveOneOut()])
def test_leave_one_out_asks_for_the_last_two_and_trains_on_the_rest(split: LeaveOneOut | None) -> None:
    data = dataset([("a", item, time) for time, item in enumerate("wxyz")], split)
    assert data.split == LeaveOneOut()
    assert [items.tolist() for items in data.training] == [[1, 2]]
    for part, before, target in (("validation", [1, 2], 3), ("test", [1, 2, 3], 4)):
        asked, targets = data.examples(part)
        assert [items.tolist() for items in asked] == [before]
        assert targets.tolist() == [target]
        assert data.target_times(part).tolist() == [target - 1]


def test_leave_one_out_trains_on_none_of_one_or_two_interactions() -> None:
    histories = dataset([("a", "w", 0), ("b", "w", 1), ("b", "x", 2), ("c", "w", 3), ("c", "x", 4), ("c", "y", 5)])
    assert LeaveOneOut().trained(histories.histories).tolist() == [0, 0, 1]
    assert [items.tolist() for items in histories.training] == [[], [], [1]]


@given(EVENTS, st.integers(0, 20), st.integers(1, 5))
def test_global_time_trains_on_the_past_and_asks_for_the_last_of_what_follows(events: list, cut: int, gap: int) -> None:
    data = dataset(events, GlobalTime(cut, cut + gap))
    by_user = {user: sorted((e for e in events if e[0] == user), key=lambda e: e[2]) for user, _, _ in events}
    assert [data.catalogue.decode(items) for items in data.training] == [
        [item for _, item, time in history if time < cut] for history in by_user.values()
    ]
    for part, start, end in (("validation", cut, cut + gap), ("test", cut + gap, 10**6)):
        expected = {}
        for user, history in by_user.items():
            *before, last = [(item, time) for _, item, time in history if time < end] or [(None, -1)]
            if before and last[1] >= start:
                expected[user] = ([item for item, _ in before], *last)
        asked, targets = data.examples(part)
        answers = zip(
            map(data.catalogue.decode, asked), data.catalogue.decode(targets), data.target_times(part), strict=True
        )
        assert dict(zip(asked.users, answers, strict=True)) == expected


@given(EVENTS, st.integers(0, 20))
def test_the_test_questions_of_global_time_are_some_of_leave_one_out(events: list, cut: int) -> None:
    everything, later = (dataset(events * 3, split) for split in (LeaveOneOut(), GlobalTime(0, cut)))
    (histories, targets), (some, theirs) = everything.examples("test"), later.examples("test")
    places = [histories.users.index(user) for user in some.users]
    assert places == [n for n, time in enumerate(everything.target_times("test")) if time >= cut]
    assert theirs.tolist() == targets[places].tolist()
    assert [items.tolist() for items in some] == [items.tolist() for items in histories.only(np.array(places, int))]


@given(EVENTS)
def test_a_cut_at_quantiles_leaves_these_shares_before_it(events: list) -> None:
    histories = dataset(events).histories
    split = GlobalTime.at(histories, 0.5, 0.8)
    times = np.sort(histories.timestamps)
    for moment, share in ((split.validation_from, 0.5), (split.test_from, 0.8)):
        assert (times < moment).mean() < share <= (times <= moment).mean()
    assert splits.parse(split.as_dict()) == split


@given(EVENTS, st.integers(0, 20), st.integers(1, 5))
def test_global_time_leaks_nothing(events: list, cut: int, gap: int) -> None:
    data = dataset(events, GlobalTime(cut, cut + gap))
    known, asked = data.training.timestamps, data.target_times("test")
    if len(known) and len(asked):
        assert splits.leakage(known, asked) == 0


def test_leakage_is_the_share_of_training_that_a_target_precedes() -> None:
    early = [("a", item, time) for time, item in enumerate("wxyz")]
    late = [("b", item, time + 100) for time, item in enumerate("wxyz")]
    data = dataset(early + late, LeaveOneOut())
    assert splits.leakage(data.training.timestamps, data.target_times("test")) == (2 / 4 + 0) / 2
    assert splits.leakage(np.array([5]), np.array([5])) == 0
