"""Ragged histories in rows without padding."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from adrec.layout import Layout

lengths = st.lists(st.integers(1, 9), min_size=1, max_size=12)


def right_padded(lengths: list[int]) -> tuple[Tensor, Tensor]:
    """Items 1, 2, 3, … over all histories."""
    items = torch.zeros(len(lengths), max(lengths), dtype=torch.long)
    real = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    items[real] = torch.arange(1, sum(lengths) + 1)
    return items, torch.tensor(lengths)


@given(lengths)
def test_unpacking_gives_back_what_was_packed(lengths: list[int]) -> None:
    items, sizes = right_padded(lengths)
    layout = Layout.of(sizes, items.shape[1])
    rows = layout.pack(items)
    assert sorted(rows[rows > 0].tolist()) == list(range(1, sum(lengths) + 1))
    back = layout.unpack(rows[:, :, None])[:, :, 0]
    assert torch.equal(back[layout.real_BL], items[layout.real_BL])
    assert torch.equal(layout.real_BL, items > 0)


@given(lengths)
def test_a_position_sees_its_own_history_up_to_itself_and_nothing_else(lengths: list[int]) -> None:
    items, sizes = right_padded(lengths)
    layout = Layout.of(sizes, items.shape[1])
    rows = layout.pack(items)
    owner = {item: user for user, history in enumerate(items.tolist()) for item in history if item}
    for row, mask in zip(rows.tolist(), layout.mask_R1LL[:, 0], strict=True):
        for position, item in enumerate(row):
            seen = {row[other] for other in mask[position].nonzero()[:, 0].tolist()}
            if item:
                assert seen == {other for other in row if other and owner[other] == owner[item] and other <= item}


@given(st.integers(1, 9), st.integers(1, 6))
def test_histories_of_one_length_fill_a_row_each(length: int, users: int) -> None:
    items, sizes = right_padded([length] * users)
    assert Layout.of(sizes, length).pack(items).shape == (users, length)
