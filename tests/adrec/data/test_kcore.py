"""The kernel keeps the frequent, numbers by first appearance, and sorts by user and time without losing a tie."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from adrec.data import kcore

CODES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=60)
TIMES = st.lists(st.tuples(st.integers(0, 4), st.integers(-(2**62), 2**62)), max_size=40)
SECONDS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9).map(lambda s: s * 1_000_000)), max_size=40)


@given(CODES, st.integers(1, 4))
def test_what_is_left_is_what_dropping_one_rare_row_at_a_time_leaves(codes: list, least: int) -> None:
    users, items = np.array(codes, dtype=np.int64).reshape(-1, 2).T
    left = list(range(len(codes)))
    while rare := [row for row in left if min((part[left] == part[row]).sum() for part in (users, items)) < least]:
        left.remove(rare[-1])
    assert np.flatnonzero(kcore.k_core_mask(users, items, least)).tolist() == left


@given(st.lists(st.integers(0, 9), max_size=60))
def test_numbers_follow_first_appearance(codes: list[int]) -> None:
    rows, numbers = kcore.factorize(np.array(codes, dtype=np.uint32))
    assert [codes[row] for row in rows] == list(dict.fromkeys(codes))
    assert all(row == codes.index(codes[row]) for row in rows)
    assert [codes[rows[number]] for number in numbers] == codes


@given(st.one_of(TIMES, SECONDS))
def test_the_order_is_that_of_a_stable_sort_however_far_apart_the_times(rows: list) -> None:
    users, times = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    times = times // 2  # differences of times fit a word
    expected = sorted(range(len(rows)), key=lambda row: (users[row], times[row]))
    assert kcore.argsort_by_user_time(users.astype(np.int32), times).tolist() == expected
