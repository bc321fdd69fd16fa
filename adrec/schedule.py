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


def cosine(steps: int) -> Tensor:
    """Nichol and Dhariwal (2021): alpha_bar(s) = cos^2((s + 0.008) / 1.008 * pi / 2)."""
    time = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    alpha_bar = torch.cos((time + 0.008) / 1.008 * torch.pi / 2) ** 2
    return (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=LARGEST_BETA)


SCHEDULES: dict[str, Callable[[int], Tensor]] = {
    "truncated_linear": truncated_linear,
    "linear": linear,
    "cosine": cosine,
}
