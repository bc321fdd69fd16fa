"""Means over seeds, as tables show them."""

import pytest

from benchmarks.harness.spread import deviation, shown


def test_one_value_has_no_deviation_and_none_is_said_to_be_missing() -> None:
    assert deviation([3.0]) is None
    assert deviation([1.0, 3.0]) == pytest.approx(2**0.5)
    assert shown([21.0, 23.0]) == "22.00 ± 1.41 (2)"
    assert shown([1.0], "+") == "+1.00 (1)"
    assert shown([]) == "not run"
