"""How the denoiser's input is made of the encoder's condition, the noisy vector and the time.

Legend: B histories, C candidates for their last position, D width; R rows of W columns (`adrec.nn.packing`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from adrec.config import Model as ModelConfig
from adrec.nn.attention import Attention
from adrec.nn.packing import Layout

Last = Callable[[Tensor, Tensor], Tensor]  # of noisy vectors [B, C, D] and times' [C, D], the denoiser's inputs


class Conditioning(nn.Module, ABC):
    """What joins condition and noisy vector."""

    @abstractmethod
    def forward(self, condition_RWD: Tensor, noisy_RWD: Tensor, time_RWD: Tensor, mask_R1WW: Tensor) -> Tensor:
        """The denoiser's input [R, W, D] at all places; time may be one vector [D] for all."""

    @abstractmethod
    def of_last(self, condition_RWD: Tensor, layout: Layout, bias_B11L: Tensor) -> Last:
        """The same at each history's last token, as a function of what changes there from step to step."""


class Sum(Conditioning):
    """A sum, place by place."""

    def forward(self, condition_RWD: Tensor, noisy_RWD: Tensor, time_RWD: Tensor, mask_R1WW: Tensor) -> Tensor:
        """`join` at all places, [R, W, D]."""
        return self.join(condition_RWD, noisy_RWD, time_RWD)

    def of_last(self, condition_RWD: Tensor, layout: Layout, bias_B11L: Tensor) -> Last:
        """The sum with the condition at the last token."""
        condition_B1D = layout.ends(condition_RWD)[:, None]
        return lambda noisy_BCD, time_CD: self.join(condition_B1D, noisy_BCD, time_CD)

    @abstractmethod
    def join(self, condition: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        """The sum of vectors [..., D]."""


class ScaledSum(Sum):
    """z = c + lambda (x_t + time(t)): ADRec's, with its lambda of 0.001 (equation 9)."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def join(self, condition: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        """z, [..., D]."""
        return torch.add(condition, noisy + time, alpha=self.scale)


class ProjectedSum(Sum):
    """z = c + W x_t + time(t): noise and time at their full size, which the denoiser cannot overlook."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.project = nn.Linear(dimension, dimension)

    def join(self, condition: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        """z, [..., D]."""
        return condition + self.project(noisy) + time


class GatedSum(Sum):
    """z = c + g(time(t)) W x_t + time(t), where the gate g, in 0..1, may close as nothing but noise is left of x_t."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.project = nn.Linear(dimension, dimension)
        self.gate = nn.Linear(dimension, dimension)

    def join(self, condition: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        """z, [..., D]."""
        return condition + self.gate(time).sigmoid() * self.project(noisy) + time


class CrossAttention(Conditioning):
    """z = LN(x_t + time(t) + attention of these to the conditions up to theirs): the paper's Figure 5."""

    def __init__(self, dimension: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(dimension, heads, dropout)
        self.norm = nn.LayerNorm(dimension)

    def forward(self, condition_RWD: Tensor, noisy_RWD: Tensor, time_RWD: Tensor, mask_R1WW: Tensor) -> Tensor:
        """z, [R, W, D]."""
        asking_RWD = noisy_RWD + time_RWD
        return self.norm(asking_RWD + self.attention(asking_RWD, condition_RWD, mask_R1WW))

    def of_last(self, condition_RWD: Tensor, layout: Layout, bias_B11L: Tensor) -> Last:
        """The conditions do not change; their keys and values are computed once."""
        attend = self.attention.over(condition_RWD, layout, bias_B11L)

        def last(noisy_BCD: Tensor, time_CD: Tensor) -> Tensor:
            asking_BCD = noisy_BCD + time_CD
            return self.norm(asking_BCD + attend(asking_BCD))

        return last


CONDITIONINGS: dict[str, Callable[[ModelConfig], Conditioning]] = {
    "scaled_sum": lambda config: ScaledSum(config.conditioning_scale),
    "projected_sum": lambda config: ProjectedSum(config.dimension),
    "gated_sum": lambda config: GatedSum(config.dimension),
    "cross_attention": lambda config: CrossAttention(config.dimension, config.heads, config.dropout),
}
