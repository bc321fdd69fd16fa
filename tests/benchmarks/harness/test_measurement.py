"""What is measured of a trained network."""

import numpy as np
import pytest

from adrec.evaluation.metrics import means
from benchmarks.harness.measurement import BATCH_SIZE, batch_means


def test_batches_of_one_size_weigh_users_alike() -> None:
    ranks = np.random.default_rng(0).integers(100, size=3 * BATCH_SIZE)
    assert batch_means(ranks, (5, 20)) == pytest.approx(means(ranks, (5, 20)))


def test_a_smaller_last_batch_weighs_as_much_as_the_others() -> None:
    ranks = np.array([100] * BATCH_SIZE + [0] * 8)
    assert batch_means(ranks, (20,)) == {"HR@20": 0.5, "NDCG@20": 0.5}
