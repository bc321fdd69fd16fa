"""Every schedule keeps the share of signal that its source says."""

import math
from collections.abc import Callable

import pytest
import torch

from adrec.diffusion.noise_schedules import SCHEDULES

STEPS = 100


def of_steps(beta: Callable[[int], float]) -> Callable[[int], float]:
    """The share of signal after `number` steps of variances that count from the zeroth."""
    return lambda number: math.prod(1 - beta(step) for step in range(number))


def of_time(alpha_bar: Callable[[float], float]) -> Callable[[int], float]:
    """The share of signal after `number` steps where it is given at each time in 0..1, up to a factor."""
    return lambda number: alpha_bar(number / STEPS) / alpha_bar(0)


def line(first: float, last: float, points: int, step: int) -> float:
    return first + (last - first) * step / (points - 1)


# Ho et al. (2020) have betas from 0.0001 to 0.02 in 1000 steps; in a tenth as many each is ten times as large.
SIGNAL = {
    "linear": of_steps(lambda step: line(0.001, 0.2, STEPS, step)),
    "truncated_linear": of_steps(lambda step: line(0.011, 0.21, STEPS, step)),
    "piecewise_linear": of_steps(
        lambda step: line(0.011, 0.001, 10, step) if step < 10 else line(0.001, 0.2, STEPS - 10, step - 10)
    ),
    "cosine": of_time(lambda time: math.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2),
    "truncated_cosine": of_time(lambda time: math.cos((time + 0.1) / 1.1 * math.pi / 2) ** 2),
    "square_root": of_time(lambda time: 1 - math.sqrt(time + 0.0001)),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_has_the_signal_that_its_formula_says(name: str) -> None:
    found = torch.cumprod(1 - SCHEDULES[name](STEPS), dim=0).tolist()
    expected = [SIGNAL[name](number) for number in range(1, STEPS)]  # after the last step some have none at all
    assert found[:-1] == pytest.approx(expected, rel=1e-9)
    assert 0 < found[-1] < 0.01 * found[STEPS // 2]
