"""The measures of an embedding table: their known values, and what leaves them as they are."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adrec.evaluation import geometry

ITEMS, DIMENSION = 120, 8
INVARIANT_UNDER_SCALE = (
    "top_singular_values",
    "singular_value_variance",
    "singular_value_entropy",
    "isotropy",
    "kl_to_gaussian",
)


def table(seed: int) -> np.ndarray:
    """Correlated dimensions of different sizes, away from the origin."""
    random = np.random.default_rng(seed)
    return random.normal(size=(ITEMS, DIMENSION)) @ random.normal(size=(DIMENSION, DIMENSION)) + random.normal()


def rotation(seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(DIMENSION, DIMENSION)))[0]


def test_a_gaussian_table_of_the_size_of_movielens_has_the_values_known_for_it() -> None:
    """Measured by the formulas of the authors' notebook on 1008 x 128 independent Gaussians."""
    found = geometry.measures(geometry.gaussian_control(1008, 128))
    assert found["top_singular_values"] == pytest.approx([42.6, 42.3, 41.9, 41.4, 41.1], abs=0.5)
    assert found["singular_value_variance"] == pytest.approx(32.2, abs=1)
    assert found["singular_value_entropy"] == pytest.approx(4.835, abs=0.002)
    assert found["covariance_entropy"] == pytest.approx(4.788, abs=0.005)
    assert found["isotropy"] == pytest.approx(0.235, abs=0.02)
    assert found["kl_to_gaussian"] == pytest.approx(4.23, abs=0.15)
    assert found["mean_cosine"] == pytest.approx(0.001, abs=0.0005)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.lists(st.floats(0.1, 50), min_size=DIMENSION, max_size=DIMENSION))
def test_standardised_measures_do_not_see_place_or_scale_of_a_dimension(seed: int, scales: list[float]) -> None:
    plain, changed = (geometry.measures(E) for E in (table(seed), table(seed) * scales + 3))
    for name in INVARIANT_UNDER_SCALE:
        assert changed[name] == pytest.approx(plain[name], rel=1e-5, abs=1e-6)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.1, 50))
def test_raw_measures_do_not_see_rotation_nor_the_cosine_and_the_entropy_a_common_scale(
    seed: int, scale: float
) -> None:
    plain, turned = (geometry.measures(E) for E in (table(seed), table(seed) @ rotation(seed + 1)))
    for name in ("covariance_entropy", "mean_cosine", "mean_variance"):
        assert turned[name] == pytest.approx(plain[name], rel=1e-6)
    larger = geometry.measures(scale * table(seed))
    assert larger["mean_cosine"] == pytest.approx(plain["mean_cosine"])
    assert larger["covariance_entropy"] == pytest.approx(plain["covariance_entropy"], abs=1e-5)
    assert larger["mean_variance"] == pytest.approx(scale**2 * plain["mean_variance"])


@given(st.integers(0, 10_000))
def test_the_order_of_items_changes_nothing(seed: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(table(seed))
    plain, other = geometry.measures(table(seed)), geometry.measures(shuffled)
    assert all(other[name] == pytest.approx(plain[name]) for name in plain)


def test_the_covariance_is_numpys() -> None:
    np.testing.assert_allclose(geometry.covariance(table(0)), np.cov(table(0).T))


def test_a_white_table_is_as_even_as_can_be() -> None:
    """All directions alike: no variance of the spectrum, full entropy, no divergence."""
    white = math.sqrt(ITEMS) * np.linalg.qr(geometry.standardise(table(0)))[0]
    found = geometry.measures(white)
    assert found["singular_value_variance"] == pytest.approx(0, abs=1e-9)
    assert found["singular_value_entropy"] == pytest.approx(math.log(DIMENSION))
    assert found["covariance_entropy"] == pytest.approx(math.log(DIMENSION))
    assert found["isotropy"] == pytest.approx(1)
    assert found["kl_to_gaussian"] == pytest.approx(0, abs=1e-3)


def test_the_spectrum_of_a_standardised_table_has_a_fixed_sum_of_squares() -> None:
    Z_ND = geometry.standardise(table(3))
    s_D = geometry.singular_values(Z_ND)
    assert (s_D**2).sum() == pytest.approx(ITEMS * DIMENSION)
    assert geometry.singular_value_variance(s_D) == pytest.approx(ITEMS - s_D.mean() ** 2)


def test_the_divergence_does_not_saturate_as_a_table_collapses() -> None:
    """With 1e-9 added to the determinant all of these would be the same 10.4."""
    random = np.random.default_rng(0)
    line = random.normal(size=(ITEMS, 1))
    spread = [0.1, 0.01, 0.001]
    tables = [line + width * random.normal(size=(ITEMS, DIMENSION)) for width in spread]
    found = [geometry.measures(E)["kl_to_gaussian"] for E in tables]
    steps = np.diff(found)
    assert steps == pytest.approx((DIMENSION - 1) * math.log(10), rel=0.1)


@pytest.mark.parametrize("collapsed", [np.ones((ITEMS, DIMENSION)), table(0)[:DIMENSION], table(0) * [0, *[1] * 7]])
def test_a_table_that_leaves_a_direction_unused_is_infinitely_far_from_the_gaussian(collapsed: np.ndarray) -> None:
    found = geometry.measures(collapsed)
    assert found["kl_to_gaussian"] is None
    assert found["isotropy"] == pytest.approx(0, abs=1e-9)
    assert all(np.isfinite(value).all() for name, value in found.items() if name != "kl_to_gaussian")


def test_items_that_all_point_one_way_have_the_mean_cosine_one() -> None:
    assert geometry.mean_cosine(np.outer([1.0, 2.0, 5.0], [3.0, 4.0])) == pytest.approx(1)
    assert geometry.mean_cosine(np.array([[1.0, 0.0], [-1.0, 0.0]])) == pytest.approx(0)


@pytest.mark.parametrize("table", [np.full((3, 2), np.nan), np.ones((1, 2))])
def test_a_table_that_cannot_be_measured_is_refused(table: np.ndarray) -> None:
    with pytest.raises(ValueError, match="embedding table of shape"):
        geometry.measures(table)
