"""The reverse process in windows, against one step after the other."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from adrec.diffusion.noise_schedules import truncated_linear
from adrec.diffusion.parallel_sampling import CHEAP, MOST, Noise, ParallelSampler, Window
from adrec.diffusion.process import NOISES, Diffusion

HISTORIES, DIMENSION, STEPS = 2, 8, 32
STEPWISE = Diffusion(truncated_linear(STEPS)).reversal(STEPS)
INFLUENCES = [0.0, 0.001, 0.5, 1.0]  # of the noisy vector on the denoiser's input


def denoise(mixed: Tensor) -> Tensor:
    weight = torch.randn(DIMENSION, DIMENSION, generator=torch.Generator().manual_seed(1))
    return torch.tanh(mixed @ weight)


def mixing(influence: float) -> Callable[[Tensor, slice], Tensor]:
    times = torch.linspace(0, 1, STEPS + 1)
    return lambda noisy, window: influence * (noisy + times[window, None]) + 0.1


def drawn() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(HISTORIES, DIMENSION), torch.randn(STEPS, DIMENSION)


def one_by_one(influence: float, noise: Noise) -> Tensor:
    noisy, drawn_noise = drawn()
    mix = mixing(influence)
    for number, step in enumerate(STEPWISE):
        clean = denoise(mix(noisy[:, None], slice(number, number + 1)))[:, 0]
        noisy = step.draw(clean, noisy, noise(clean, drawn_noise[number]))
    return noisy


def in_windows(width: Window, influence: float, noise: Noise) -> tuple[Tensor, list[int]]:
    """The answer and the width of each window."""
    widths = []

    def counted(mixed: Tensor, noisy: Tensor, steps: slice) -> tuple[Tensor, Tensor]:
        assert mixed.shape == noisy.shape
        widths.append(mixed.shape[1])
        return denoise(mixed), denoise(mixed)

    return ParallelSampler.of(STEPWISE).run(width, *drawn(), mixing(influence), counted, noise), widths


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("influence", INFLUENCES)
@pytest.mark.parametrize(("least", "most"), [(1, 1), (1, 2), (2, 5), (1, STEPS), (16, STEPS), (STEPS, STEPS)])
def test_windows_give_what_one_step_after_the_other_gives(least: int, most: int, influence: float, name: str) -> None:
    found, widths = in_windows(Window(least, most), influence, NOISES[name])
    torch.testing.assert_close(found, one_by_one(influence, NOISES[name]), rtol=1e-5, atol=1e-5)
    assert len(widths) <= STEPS
    assert max(widths) <= most


def test_the_less_the_noise_counts_the_fewer_windows_it_takes() -> None:
    taken = [len(in_windows(Window(1, 8), influence, NOISES["gaussian"])[1]) for influence in INFLUENCES]
    assert taken == sorted(taken)
    assert taken[0] == 1 + -(-(STEPS - 1) // 8)
    assert taken[-1] > taken[0]


def test_where_guesses_fail_few_steps_are_tried() -> None:
    _, widths = in_windows(Window(1, STEPS), 1.0, NOISES["gaussian"])
    assert sum(widths) < 3 * STEPS
    _, widths = in_windows(Window(4, STEPS), 1.0, NOISES["gaussian"])
    assert min(widths[1:-4]) >= 4  # they cost little; but fewer may be left


@pytest.mark.parametrize(
    ("histories", "steps", "expected"),
    [(1, 32, Window(CHEAP, 32)), (1, 4, Window(4, 4)), (MOST, 32, Window(1, 1)), (MOST // 2, 32, Window(1, 2))],
)
def test_a_large_batch_goes_step_by_step(histories: int, steps: int, expected: Window) -> None:
    assert Window.of(histories, steps) == expected
