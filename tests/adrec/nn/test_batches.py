"""Batches hold each user's inputs and targets, and several processes share them without loss."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adrec.data.histories import Histories
from adrec.nn.batches import DeviceHistories, pack, shuffled


def histories_of(sizes: list[int]) -> Histories:
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    items = np.random.default_rng(0).integers(1, 1000, size=offsets[-1]).astype(np.int32)
    return Histories(tuple(map(str, range(len(sizes)))), items, np.zeros(len(items), np.int64), offsets)


def targets_shown(histories: DeviceHistories, random: np.random.Generator) -> list[list[int]]:
    """The targets of each user that an epoch shows, in its order."""
    batches = shuffled(histories, 2, random)
    return [own.tolist() for batch in batches for own in batch.targets_M.split(batch.layout.lengths_B.tolist())]


@given(st.lists(st.integers(2, 30), min_size=1, max_size=40))
def test_every_token_comes_with_its_successor_user_by_user(sizes: list[int]) -> None:
    histories = histories_of(sizes)
    batch = pack(DeviceHistories.of(histories, 64), np.arange(len(sizes)), 64)
    lengths = batch.layout.lengths_B.tolist()
    users = zip(batch.items_M.split(lengths), batch.targets_M.split(lengths), histories, strict=True)
    for items, targets, history in users:
        assert [*items.tolist(), targets[-1].item()] == history.tolist()
        assert items[1:].tolist() == targets[:-1].tolist()
    assert batch.inverse_length_M.sum().item() == pytest.approx(len(sizes))
    assert (batch.every(1), batch.user_weight) == ((slice(0, None, 1), 1.0), 1.0)


@given(st.lists(st.integers(2, 30), min_size=1, max_size=20), st.integers(1, 5), st.integers(1, 3))
def test_the_parts_of_several_processes_are_the_batch_of_one(sizes: list[int], processes: int, stride: int) -> None:
    histories, users = DeviceHistories.of(histories_of(sizes), 64), np.arange(len(sizes))[::-1]
    whole = pack(histories, users, 64)
    parts = [pack(histories, users, 64, process=process, processes=processes) for process in range(processes)]
    counted = [part for part in parts if part.part.weight]
    assert torch.cat([part.items_M for part in counted]).tolist() == whole.items_M.tolist()
    drawn = torch.randn(len(whole.items_M))
    assert torch.equal(torch.cat([part.own(drawn) for part in counted]), drawn)
    means = [
        part.own(drawn)[chosen].mean().nan_to_num() * weight
        for part in parts
        for chosen, weight in [part.every(stride)]
    ]
    assert sum(means).item() / processes == pytest.approx(drawn[::stride].mean().item(), abs=1e-5)
    assert sum(part.user_weight for part in parts) / processes == pytest.approx(1)


def test_an_epoch_shows_every_user_once_and_only_the_most_recent_items() -> None:
    histories = replace(histories_of([2, 5, 1, 20, 9]), items=np.arange(37, dtype=np.int32))  # so each tells its user
    shown = targets_shown(DeviceHistories.of(histories, 6), np.random.default_rng(1))
    assert sorted(shown) == [items[1:][-6:].tolist() for items in histories if len(items) > 1]  # of one, no target


def test_two_generators_show_the_users_in_two_orders() -> None:
    histories = DeviceHistories.of(replace(histories_of([2] * 50), items=np.arange(100, dtype=np.int32)), 6)
    first, again, other = (targets_shown(histories, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert sorted(first) == sorted(other)


@pytest.mark.parametrize(("max_length", "width"), [(6, 6), (50, 19)])
def test_rows_are_as_wide_as_the_longest_history(max_length: int, width: int) -> None:
    batches = shuffled(DeviceHistories.of(histories_of([2, 5, 1, 20, 9]), max_length), 2, np.random.default_rng(1))
    assert {batch.layout.segments_RW.shape[1] for batch in batches} == {width}
