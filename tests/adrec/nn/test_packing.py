"""Ragged histories in rows without padding."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from adrec.nn.packing import Layout, place

lengths = st.lists(st.integers(1, 9), min_size=1, max_size=12)
leads = st.integers(0, 1)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40))
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


def test_rows_hold_almost_no_padding() -> None:
    sizes = np.random.default_rng(0).integers(1, 60, size=500)
    rows, _, _ = place(sizes, 64)
    assert sizes.sum() > 0.95 * 64 * (rows.max() + 1)


@given(lengths, leads)
def test_rows_give_back_what_was_laid_into_them(lengths: list[int], num_sink_tokens: int) -> None:
    layout = Layout.of(np.array(lengths), max(lengths), num_sink_tokens)
    values = torch.arange(1, sum(lengths) + 1)
    rows = layout.rows(values)
    assert torch.equal(layout.tokens(rows), values)
    assert torch.equal(layout.ends(rows), torch.tensor(lengths).cumsum(0))
    assert torch.equal(rows > 0, layout.segments_RW > 0)
    assert (rows[:, :num_sink_tokens] == 0).all()


@given(st.integers(1, 9), leads)
def test_a_history_alone_is_laid_out_as_any_other(length: int, num_sink_tokens: int) -> None:
    alone, of = (
        Layout.alone(length, num_sink_tokens, torch.device("cpu")),
        Layout.of(np.array([length]), length, num_sink_tokens),
    )
    for name, value in vars(of).items():
        assert torch.equal(torch.as_tensor(vars(alone)[name]), torch.as_tensor(value)), name


@given(lengths, leads)
def test_what_is_no_token_keeps_its_background(lengths: list[int], num_sink_tokens: int) -> None:
    layout = Layout.of(np.array(lengths), max(lengths), num_sink_tokens)
    background = torch.full(layout.segments_RW.shape, -1)
    rows = layout.rows(torch.ones(sum(lengths), dtype=torch.long), background)
    assert torch.equal(rows == -1, layout.segments_RW == 0)
    assert (background == -1).all()


@given(lengths, leads)
def test_a_history_is_found_again_after_the_padding_token_of_its_row(lengths: list[int], num_sink_tokens: int) -> None:
    layout = Layout.of(np.array(lengths), max(lengths), num_sink_tokens)
    values = torch.arange(1, sum(lengths) + 1)
    found = layout.histories(layout.rows(values))
    assert (found[:, :num_sink_tokens] == 0).all()
    for history, own in zip(found[:, num_sink_tokens:], values.split(lengths), strict=True):
        assert torch.equal(history[: len(own)], own)


@given(lengths)
def test_age_counts_the_tokens_that_come_after(lengths: list[int]) -> None:
    layout = Layout.of(np.array(lengths), max(lengths), 0)
    ages = [age for length in lengths for age in reversed(range(length))]
    assert layout.reverse_position_M.tolist() == ages


@given(st.integers(1, 9), st.integers(1, 6))
def test_histories_of_one_length_fill_a_row_each(length: int, users: int) -> None:
    assert Layout.of(np.full(users, length), length, 0).segments_RW.shape == (users, length)
