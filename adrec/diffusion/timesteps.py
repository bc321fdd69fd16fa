"""Which timesteps does training draw, and how is the network told?

Legend: M tokens, T steps, D width.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TIME_SCALE = 1000  # time is measured in thousandths of the process, whatever T is


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


class TimeEmbedding(nn.Module):
    """Sinusoids of the step index through a two-layer perceptron."""

    features_TD: Tensor

    def __init__(self, steps: int, dimension: int) -> None:
        super().__init__()
        half = dimension // 2
        frequency = torch.exp(-math.log(10_000) * torch.arange(half) / half)
        angle = torch.arange(steps)[:, None] * (TIME_SCALE / steps) * frequency
        self.register_buffer("features_TD", torch.cat([angle.cos(), angle.sin()], dim=-1), persistent=False)
        self.widen = nn.Linear(dimension, 4 * dimension)
        self.narrow = nn.Linear(4 * dimension, dimension)

    def forward(self, t: Tensor) -> Tensor:
        """Embeddings [..., D] of step indices [...]; there are only T, so ask once for each, not for each token."""
        return self.narrow(F.silu(self.widen(self.features_TD[t])))
