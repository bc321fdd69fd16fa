"""The linear probe reads what is there, and nothing from what is not."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adrec.evaluation.geometry import gaussian_control
from adrec.evaluation.linear_probe import FOLDS, folds, most_frequent, probe, reading

ITEMS, LABELS = 300, 5


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    """Each item has one label, the first ones oftener."""
    label = np.random.default_rng(1).choice(LABELS, ITEMS, p=[0.4, 0.2, 0.2, 0.1, 0.1])
    return label[:, None] == np.arange(LABELS)


def test_labels_planted_in_the_embeddings_are_read(labels: np.ndarray) -> None:
    centres = gaussian_control(LABELS, 16)
    planted = labels @ centres + 0.3 * gaussian_control(ITEMS, 16, seed=1)
    found = probe(planted, labels)
    assert found.f1 > 0.95 > most_frequent(labels).f1 + 0.3


def test_labels_that_are_not_in_the_embeddings_are_not_read(labels: np.ndarray) -> None:
    assert probe(gaussian_control(ITEMS, 16), labels).f1 < most_frequent(labels).f1


def test_a_label_of_most_items_that_is_not_in_the_embeddings_is_named_of_all() -> None:
    labels = np.random.default_rng(0).random((ITEMS, 1)) < 0.6
    assert probe(np.zeros((ITEMS, 4)), labels).recall > 0.9


def test_the_same_seed_gives_the_same_reading_and_leaves_the_global_generator_alone(labels: np.ndarray) -> None:
    table, state = gaussian_control(ITEMS, 16), torch.get_rng_state()
    assert probe(table, labels) == probe(table.copy(), labels)
    assert torch.equal(torch.get_rng_state(), state)


def test_batch_norm_makes_the_scale_of_a_dimension_irrelevant(labels: np.ndarray) -> None:
    planted = labels @ gaussian_control(LABELS, 16) + gaussian_control(ITEMS, 16, seed=1)
    scaled = planted * np.geomspace(1, 1000, 16) + 5
    assert probe(scaled, labels).f1 == pytest.approx(probe(planted, labels).f1, abs=0.02)


@given(st.integers(2 * FOLDS, 200), st.integers(0, 100))
def test_every_item_is_held_out_once_from_a_probe_that_saw_all_others(num_items: int, seed: int) -> None:
    cuts = list(folds(num_items, seed))
    assert sorted(np.concatenate([held_out for _, held_out in cuts])) == list(range(num_items))
    assert all(sorted([*train, *held_out]) == list(range(num_items)) for train, held_out in cuts)


def test_frequency_alone_names_as_many_labels_as_pay() -> None:
    """Of labels on 90, 80 and 10 of 100 items the third would cost more precision than it brings recall."""
    labels = np.array([np.random.default_rng(0).permutation(np.arange(100) < count) for count in (90, 80, 10)]).T
    found = most_frequent(labels)
    assert found.precision == pytest.approx((90 + 80) / 200)
    assert found.recall == pytest.approx((90 + 80) / 180)


def test_micro_averages_pool_counts_over_labels_and_survive_empty_ones() -> None:
    predicted = np.array([[1, 1, 0], [1, 0, 0]], dtype=bool)
    true = np.array([[1, 0, 0], [1, 1, 0]], dtype=bool)
    found = reading(predicted, true)
    assert (found.precision, found.recall, found.f1) == (2 / 3, 2 / 3, 2 / 3)
    assert reading(np.zeros_like(true), np.zeros_like(true)).f1 == 0


def test_labels_of_other_items_and_too_few_items_are_refused(labels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="300 rows of labels for 299 items"):
        probe(gaussian_control(ITEMS - 1, 16), labels)
    with pytest.raises(ValueError, match="too few"):
        probe(gaussian_control(9, 16), labels[:9])
