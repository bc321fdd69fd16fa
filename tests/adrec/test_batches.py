"""Packed batches hold exactly what one history a row would."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from adrec.batches import pack, place, row_width, shuffled
from adrec.sequences import Histories

lengths = st.lists(st.integers(1, 30), min_size=1, max_size=40)


def histories_of(sizes: list[int]) -> Histories:
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    items = np.random.default_rng(0).integers(1, 1000, size=offsets[-1]).astype(np.int32)
    return Histories(tuple(map(str, range(len(sizes)))), items, np.zeros(len(items), np.int64), offsets)


@given(lengths)
def test_no_two_histories_share_a_place(sizes: list[int]) -> None:
    rows, columns, ordinals = place(np.array(sizes), 64)
    taken = [
        (row, column)
        for row, start, size in zip(rows, columns, sizes, strict=True)
        for column in range(start, start + size)
    ]
    assert len(taken) == len(set(taken)) == sum(sizes)
    assert all(column < 64 for _, column in taken)
    assert len(set(zip(rows, ordinals, strict=True))) == len(sizes)


@given(st.lists(st.integers(2, 30), min_size=1, max_size=40))
def test_every_token_stands_beside_its_successor_and_its_own_user(sizes: list[int]) -> None:
    histories = histories_of(sizes)
    batch = pack(histories, np.arange(len(sizes)), 64)
    found = set()
    for row in range(len(batch.items_RW)):
        for segment in range(1, int(batch.segments_RW[row].max()) + 1):
            own = batch.segments_RW[row] == segment
            whole = [*batch.items_RW[row][own].tolist(), batch.targets_RW[row][own][-1].item()]
            assert whole[1:] == batch.targets_RW[row][own].tolist()
            assert np.isclose(batch.shares_RW[row][own].sum().item(), 1)
            found.add(tuple(whole))
    assert found == {tuple(history.tolist()) for history in histories}


def test_a_position_sees_its_own_user_up_to_itself_and_nobody_else() -> None:
    batch = pack(histories_of([3, 3]), np.arange(2), 64)
    mask = batch.mask_R1WW[0, 0]
    assert mask[1, :2].all()
    assert not mask[1, 2:].any()
    assert not mask[2, :2].any()
    assert mask[3, 2:4].all()


def test_an_epoch_shows_every_user_once_and_only_the_most_recent_items() -> None:
    histories = histories_of([2, 5, 1, 20, 9])
    seen = list(shuffled(histories, 6, 2, np.random.default_rng(1)))
    assert sum(int(batch.real_RW.sum()) for batch in seen) == 1 + 4 + 6 + 6  # one interaction gives no target
    assert histories.items[-1] in seen[0].targets_RW or histories.items[-1] in seen[1].targets_RW


def test_rows_hold_the_longest_history() -> None:
    assert [row_width(length) for length in (2, 64, 65, 200)] == [64, 64, 128, 256]
