"""Training by epochs: what each epoch and each step draws, how fast it learns, and which epoch is kept."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from adrec.data.dataset import Dataset
from adrec.nn.batches import Batch
from adrec.training.stages import ITEM_EMBEDDING, begin, pretrain_stage
from adrec.training.trainer import Epoch, TrainState, fit, patience_is_over

LEARNING_RATE = 0.003


@pytest.fixture(scope="module")
def dataset(tiny_dataset: Path) -> Dataset:
    return Dataset.read(tiny_dataset)


def learner_of(tiny: dict, dataset: Dataset) -> TrainState:
    return begin(pretrain_stage(tiny["pretrain"]), tiny["model"], len(dataset.catalogue), {})


def epochs_of(train_state: TrainState, dataset: Dataset, epochs: int, **options: Any) -> Iterator[Epoch]:
    """Training in batches of 32 users, of which there are five."""
    options = {"batch_size": 32, "max_length": 12, "learning_rate": LEARNING_RATE, **options}
    return fit(train_state, dataset.training, epochs=epochs, **options)


@pytest.fixture
def shown(tiny: dict, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> tuple[TrainState, list[Batch]]:
    """A learner, and the batches that its network has been given."""
    train_state, batches = learner_of(tiny, dataset), []
    losses = train_state.network.losses

    def noted(batch: Batch) -> dict[str, Tensor]:
        batches.append(batch)
        return losses(batch)

    monkeypatch.setattr(train_state.network, "losses", noted)
    return train_state, batches


def test_each_epoch_has_batches_of_another_order(shown: tuple[TrainState, list[Batch]], dataset: Dataset) -> None:
    train_state, batches = shown
    for epoch in epochs_of(train_state, dataset, 2):
        train_state.record(epoch)
    assert len(batches) == 2 * 5
    first, second = (torch.cat([batch.items_M for batch in part]) for part in (batches[:5], batches[5:]))
    assert not torch.equal(first, second)
    assert torch.equal(first.sort().values, second.sort().values)


def test_batches_have_the_multiple_of_rows_that_their_learner_asks_for(
    shown: tuple[TrainState, list[Batch]], dataset: Dataset
) -> None:
    train_state, batches = shown
    next(epochs_of(replace(train_state, multiple=7), dataset, 1))
    assert batches
    assert all(len(batch.layout.segments_RW) % 7 == 0 for batch in batches)


def test_each_step_draws_other_noise(tiny: dict, dataset: Dataset) -> None:
    seeds: list[int] = []
    epochs = epochs_of(learner_of(tiny, dataset), dataset, 2, before_step=lambda _: seeds.append(torch.initial_seed()))
    list(epochs)
    assert len(set(seeds)) == len(seeds) == 2 * 5


@pytest.mark.parametrize(("epochs", "horizon"), [(2, 500), (1000, 1000)])
def test_the_learning_rate_follows_the_cosine_of_500_epochs_or_more(
    epochs: int, horizon: int, tiny: dict, dataset: Dataset
) -> None:
    train_state = learner_of(tiny, dataset)
    for number, _ in zip((0, 1), epochs_of(train_state, dataset, epochs), strict=False):
        expected = LEARNING_RATE * (1 + math.cos(math.pi * number / horizon)) / 2
        assert train_state.optimizer.param_groups[0]["lr"] == pytest.approx(expected, rel=1e-9)


def test_patience_counts_evaluations_without_a_better_one() -> None:
    def log(*values: float | None) -> list[Epoch]:
        return [Epoch(n, {}, None if v is None else {"NDCG@20": v}) for n, v in enumerate(values, 1)]

    assert not patience_is_over(log(0.1, None, 0.2, None, 0.15), 2)
    assert patience_is_over(log(0.1, None, 0.2, None, 0.15, 0.2), 2)
    assert not patience_is_over(log(0.1, 0.05), 2)


def test_the_weights_handed_on_are_those_of_the_first_of_the_best_validations(tiny: dict, dataset: Dataset) -> None:
    train_state = learner_of(tiny, dataset)
    for number, value in enumerate((0.1, 0.3, 0.3, 0.2), start=1):
        torch.nn.init.constant_(train_state.network.item_embedding.weight, number)
        train_state.record(Epoch(number, {}, {"NDCG@20": value}))
    assert train_state.best_epoch == 2
    assert (train_state.weights()[ITEM_EMBEDDING] == 2).all()
