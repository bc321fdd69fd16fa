"""How fast the forward process destroys a vector: the variance schedules of diffusion.

A schedule is the vector of betas, float64 [T], where beta_t is the variance of the noise added at step t.
"""

from collections.abc import Callable

import torch
from torch import Tensor

LARGEST_BETA = 0.999  # keeps 1 / (1 - beta) finite where a schedule is given by its cumulative product


def linear(steps: int) -> Tensor:
    """Ho et al. (2020), rescaled so that any number of steps ends near pure noise."""
    scale = 1000 / steps
    return torch.linspace(1e-4 * scale, min(0.02 * scale, LARGEST_BETA), steps, dtype=torch.float64)


def truncated_linear(steps: int) -> Tensor:
    """The schedule of ADRec's released code: linear, shifted up by 0.01.

    Where the last beta would exceed 1 (20 steps or fewer) the code falls back to a gentle slope; that process
    never reaches pure noise.
    """
    scale = 1000 / steps
    last = 0.02 * scale + 0.01
    if last > 1:
        last = 1e-3 * scale + 0.01
    return torch.linspace(1e-4 * scale + 0.01, last, steps, dtype=torch.float64)


def _from_alpha_bar(alpha_bar: Callable[[Tensor], Tensor], steps: int) -> Tensor:
    """The betas of a schedule given by the share of signal left at each time in 0..1."""
    kept = alpha_bar(torch.linspace(0, 1, steps + 1, dtype=torch.float64))
    return (1 - kept[1:] / kept[:-1]).clamp(max=LARGEST_BETA)


def cosine(steps: int) -> Tensor:
    """Nichol and Dhariwal (2021): alpha_bar(s) = cos^2((s + 0.008) / 1.008 * pi / 2)."""
    return _from_alpha_bar(lambda time: torch.cos((time + 0.008) / 1.008 * torch.pi / 2) ** 2, steps)


def truncated_cosine(steps: int) -> Tensor:
    """Cosine, begun later: alpha_bar(s) = cos^2((s + 0.1) / 1.1 * pi / 2), so that the first step adds more noise."""
    return _from_alpha_bar(lambda time: torch.cos((time + 0.1) / 1.1 * torch.pi / 2) ** 2, steps)


def square_root(steps: int) -> Tensor:
    """Li et al. (2022), Diffusion-LM: alpha_bar(s) = 1 - sqrt(s + 0.0001); much noise at once, for discrete items."""
    return _from_alpha_bar(lambda time: (1 - (time + 1e-4).sqrt()).clamp(min=1e-9), steps)


def piecewise_linear(steps: int) -> Tensor:
    """The released code's `pw_lin`: down to the linear schedule's start over ten steps, then linear up to its end."""
    scale = 1000 / steps
    first = min(10, steps)
    down = torch.linspace(1e-4 * scale + 0.01, 1e-4 * scale, first, dtype=torch.float64)
    up = torch.linspace(1e-4 * scale, min(0.02 * scale, LARGEST_BETA), steps - first, dtype=torch.float64)
    return torch.cat([down, up])


SCHEDULES: dict[str, Callable[[int], Tensor]] = {
    "truncated_linear": truncated_linear,
    "linear": linear,
    "cosine": cosine,
    "truncated_cosine": truncated_cosine,
    "square_root": square_root,
    "piecewise_linear": piecewise_linear,
}
