"""Mean and standard deviation over seeds."""

from collections.abc import Sequence
from statistics import fmean, stdev


def deviation(values: Sequence[float]) -> float | None:
    """Standard deviation of the population that `values` were drawn from; None of fewer than two."""
    return stdev(values) if len(values) > 1 else None


def shown(values: Sequence[float], sign: str = "") -> str:
    """Mean ± deviation and, in brackets, how many there are.

    Args:
        values: one a seed.
        sign: "+" to show that of means above zero too.
    """
    if not values:
        return "not run"
    spread = deviation(values)
    return f"{fmean(values):{sign}.2f}{'' if spread is None else f' ± {spread:.2f}'} ({len(values)})"
