"""How two losses' gradients become one."""

import pytest
import torch
from torch import Tensor

from adrec.training.gradients import COMBINATIONS


def combined(name: str, first: list[float], second: list[float]) -> Tensor:
    """What losses with these gradients leave in `.grad`."""
    parameter = torch.zeros(len(first), requires_grad=True)
    losses = [torch.tensor(gradient) @ parameter for gradient in (first, second)]
    COMBINATIONS[name](losses, [parameter])
    assert parameter.grad is not None
    return parameter.grad


@pytest.mark.parametrize(("name", "expected"), [("sum", [4.0, 1.0]), ("mean", [2.0, 0.5]), ("pcgrad", [2.0, 0.5])])
def test_gradients_that_agree_are_added_or_averaged(name: str, expected: list[float]) -> None:
    torch.testing.assert_close(combined(name, [1.0, 1.0], [3.0, 0.0]), torch.tensor(expected))


def test_pcgrad_drops_what_runs_against_the_other() -> None:
    """Of (1, 0) and (-1, 1) each keeps its part across the other: (1/2, 1/2) and (0, 1)."""
    torch.testing.assert_close(combined("pcgrad", [1.0, 0.0], [-1.0, 1.0]), torch.tensor([0.25, 0.75]))


def test_after_pcgrad_no_loss_gets_worse_by_the_step() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        first, second = torch.randn(2, 5, generator=generator)
        step = combined("pcgrad", first.tolist(), second.tolist())
        assert step @ first >= -1e-6
        assert step @ second >= -1e-6


@pytest.mark.parametrize("name", ["sum", "mean"])
def test_a_parameter_that_one_loss_reaches_gets_its_whole_gradient(name: str) -> None:
    shared, own = torch.zeros(2, requires_grad=True), torch.zeros(2, requires_grad=True)
    idle = torch.zeros(2, requires_grad=True)
    COMBINATIONS[name]([shared.sum() + 2 * own.sum(), 3 * shared.sum()], [shared, own, idle])
    assert own.grad is not None
    assert own.grad.tolist() == [2, 2]
    assert idle.grad is None
