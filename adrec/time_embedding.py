"""How the denoiser is told the step index.

Legend: T steps, D width.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TIME_SCALE = 1000  # time is measured in thousandths of the process, whatever T is


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
