"""HR and NDCG, against the top-k definition."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adrec.evaluation.metrics import confidence, hit_rate, means, ndcg, per_user, rank

scores = st.lists(st.integers(0, 5), min_size=3, max_size=12)  # few values: many ties


@given(st.lists(scores.map(lambda row: (row + [0] * 12)[:12]), min_size=1, max_size=8), st.data())
def test_the_rank_is_the_place_in_a_stable_descending_sort(rows: list[list[int]], data: st.DataObject) -> None:
    targets = [data.draw(st.integers(0, 11)) for _ in rows]
    found = rank(torch.tensor(rows, dtype=torch.float32), torch.tensor(targets))
    order = torch.argsort(torch.tensor(rows), dim=1, descending=True, stable=True).tolist()
    assert found.tolist() == [row.index(target) for row, target in zip(order, targets, strict=True)]


@given(st.lists(st.integers(0, 60), min_size=1), st.integers(1, 30))
def test_a_hit_has_a_gain_between_zero_and_one_and_a_miss_none(ranks: list[int], cutoff: int) -> None:
    hits, gains = hit_rate(np.array(ranks), cutoff), ndcg(np.array(ranks), cutoff)
    assert ((gains > 0) == (hits == 1)).all()
    assert (gains <= hits).all()


def test_means_are_over_users() -> None:
    assert means(np.array([0, 100]), [1]) == {"HR@1": 0.5, "NDCG@1": 0.5}


def test_metrics_never_fall_as_the_cutoff_grows() -> None:
    values = per_user(np.arange(30), [5, 10, 20])
    for name in ("HR", "NDCG"):
        assert (values[f"{name}@5"] <= values[f"{name}@10"]).all()
        assert (values[f"{name}@10"] <= values[f"{name}@20"]).all()


def test_the_interval_holds_the_mean_and_shrinks_with_users() -> None:
    random = np.random.default_rng(0)
    wide, narrow = (confidence(random.random(users), 200) for users in (50, 5000))
    assert wide[0] < 0.5 < wide[1]
    assert narrow[1] - narrow[0] < (wide[1] - wide[0]) / 3


def test_the_interval_of_many_users_is_the_normal_one_of_its_level_and_the_same_each_time() -> None:
    values = np.random.default_rng(0).normal(size=10_000).round(1)  # few values
    for level, deviations in ((0.95, 1.96), (0.5, 0.674)):
        low, high = confidence(values, 2000, level=level)
        expected = deviations * values.std() / 100
        assert (high - values.mean(), values.mean() - low) == pytest.approx((expected, expected), rel=0.1)
        assert confidence(values, 2000, level=level) == (low, high)
    low, high = confidence(values, 2000)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 100, rel=0.1)


def test_the_interval_is_that_of_users_drawn_with_replacement() -> None:
    random = np.random.default_rng(1)
    values = ndcg(random.integers(0, 40, size=400), 20)
    means = values[random.integers(400, size=(4000, 400))].mean(axis=1)
    expected = np.quantile(means, [0.025, 0.975])
    np.testing.assert_allclose(confidence(values, 4000), expected, atol=0.05 * (expected[1] - expected[0]))
