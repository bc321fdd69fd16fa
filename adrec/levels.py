"""Which levels of noise training visits, and which tokens it ranks.

Legend: M tokens, T steps.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def uniform(tokens: int, steps: int, device: torch.device) -> tuple[Tensor, int]:
    """Step indices, each as likely, int64 [M]; and 1: every token is ranked. ADRec's."""
    return torch.randint(steps, (tokens,), device=device), 1


def half_from_noise(tokens: int, steps: int, device: torch.device) -> tuple[Tensor, int]:
    """Step indices, every second one the last, int64 [M]; and 2: only those tokens are ranked, the others denoised.

    At the last index nothing is left of the target, so the ranking has to come from the history. Elsewhere the input
    gives the target away.
    """
    t_M, _ = uniform(tokens, steps, device)
    t_M[::2] = steps - 1
    return t_M, 2


LEVELS: dict[str, Callable[[int, int, torch.device], tuple[Tensor, int]]] = {
    "uniform": uniform,
    "half_from_noise": half_from_noise,
}
