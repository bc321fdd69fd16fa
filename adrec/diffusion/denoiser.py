"""What recovers the clean vector from the denoiser's input: a causal transformer, or a perceptron.

Legend: B histories, D width; R rows of W columns (`adrec.nn.packing`).
"""

from collections.abc import Callable
from typing import Protocol

import torch.nn.functional as F
from torch import Tensor, nn

from adrec.config import Model as ModelConfig
from adrec.nn.attention import Step
from adrec.nn.packing import Layout
from adrec.nn.transformer import Encoder


class Denoiser(Protocol):
    """What `Encoder` can do, which is the denoiser of ADRec."""

    def __call__(self, x_RWD: Tensor, mask_R1WW: Tensor) -> Tensor:
        """Transform whole rows."""

    def after(self, x_RWD: Tensor, layout: Layout, mask_R1WW: Tensor, bias_B11L: Tensor, candidates: int = 1) -> Step:
        """Transform candidates for the last position of each history, given those before it."""


class Perceptron(nn.Module):
    """A denoiser that looks at one place alone: LN(W2 silu(W1 z)), as the released code's `mlp`."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.widen = nn.Linear(dimension, 4 * dimension)
        self.narrow = nn.Linear(4 * dimension, dimension)
        self.norm = nn.LayerNorm(dimension)

    def forward(self, x_RWD: Tensor, mask_R1WW: Tensor) -> Tensor:
        """Transform each place; nobody sees another, whatever the mask."""
        return self._each(x_RWD)

    def after(self, x_RWD: Tensor, layout: Layout, mask_R1WW: Tensor, bias_B11L: Tensor, candidates: int = 1) -> Step:
        """Transform each candidate; it needs no other position."""
        return self._each

    def _each(self, x: Tensor) -> Tensor:
        return self.norm(self.narrow(F.silu(self.widen(x))))


DENOISERS: dict[str, Callable[[ModelConfig], nn.Module]] = {
    "transformer": lambda config: Encoder(config.denoiser_blocks, config.dimension, config.heads, config.dropout),
    "perceptron": lambda config: Perceptron(config.dimension),
}
OUTPUTS: dict[str, Callable[[ModelConfig], nn.Module]] = {
    "normalised": lambda config: nn.Identity(),  # as the last norm leaves it, of root mean square 1 at first: ADRec's
    "linear": lambda config: nn.Linear(config.dimension, config.dimension),  # of any scale, as a prediction is
}
