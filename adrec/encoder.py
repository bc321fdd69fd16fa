"""The post-norm transformer that SASRec, ADRec's causal attention module and its denoiser all are.

Legend: B sequences, L positions, D width.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adrec.attention import CausalSelfAttention, Past

LAYER_NORM_EPSILON = 1e-12


class Block(nn.Module):
    """x <- LN(x + attention(x)); x <- LN(x + feed_forward(x))."""

    def __init__(self, dimension: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = CausalSelfAttention(dimension, heads, dropout)
        self.attention_norm = nn.LayerNorm(dimension, eps=LAYER_NORM_EPSILON)
        self.widen = nn.Linear(dimension, 4 * dimension)
        self.narrow = nn.Linear(4 * dimension, dimension)
        self.feed_forward_norm = nn.LayerNorm(dimension, eps=LAYER_NORM_EPSILON)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BLD: Tensor, mask_B1LL: Tensor | None) -> Tensor:
        """Transform whole sequences; the mask is that of `CausalSelfAttention.forward`."""
        x_BLD = self.attention_norm(x_BLD + self.dropout(self.attention(x_BLD, mask_B1LL)))
        hidden = self.dropout(F.gelu(self.widen(x_BLD), approximate="tanh"))
        return self.feed_forward_norm(x_BLD + self.dropout(self.narrow(hidden)))

    def step(self, x_BD: Tensor, past: Past) -> Tensor:
        """Transform one new position, given what is kept of those before it: `forward` without its dropout."""
        x_BD = self.attention_norm(x_BD + self.attention.step(x_BD, past))
        return self.feed_forward_norm(x_BD + self.narrow(F.gelu(self.widen(x_BD), approximate="tanh")))


class Encoder(nn.Module):
    """A stack of blocks."""

    def __init__(self, blocks: int, dimension: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(dimension, heads, dropout) for _ in range(blocks))

    @property
    def _stack(self) -> list[Block]:
        return cast(list[Block], list(self.blocks))

    def forward(self, x_BLD: Tensor, mask_B1LL: Tensor | None = None) -> Tensor:
        """Transform whole sequences; without a mask each position sees itself and all before it."""
        for block in self.blocks:
            x_BLD = block(x_BLD, mask_B1LL)
        return x_BLD

    def remember(self, x_BLD: Tensor, visible_BL: Tensor) -> list[Past]:
        """Keep of sequences that will not change what one more position attends to.

        Args:
            x_BLD: the inputs of the fixed positions.
            visible_BL: false where a position is padding (after the end of a shorter sequence).

        Returns:
            One `Past` per block.
        """
        bias_BL = x_BLD.new_zeros(visible_BL.shape).masked_fill(~visible_BL, -torch.inf)
        bias_B11L = F.pad(bias_BL, (0, 1))[:, None, None, :]  # the new position sees itself
        pasts = []
        for block in self._stack:
            pasts.append(block.attention.remember(x_BLD, bias_B11L))
            if block is not self._stack[-1]:
                x_BLD = block(x_BLD, None)
        return pasts

    def step(self, x_BD: Tensor, pasts: list[Past]) -> Tensor:
        """Transform one new position [B, D] after those in `pasts`: what `forward` gives at that position."""
        for block, past in zip(self._stack, pasts, strict=True):
            x_BD = block.step(x_BD, past)
        return x_BD
