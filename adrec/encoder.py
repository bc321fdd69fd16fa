"""The post-norm transformer that SASRec, ADRec's causal attention module and its denoiser all are.

Legend: B sequences, L positions, D width; R rows of L positions (`adrec.layout`).
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adrec.attention import CausalSelfAttention, Past
from adrec.layout import Layout

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

    def remember(self, x_RLD: Tensor, layout: Layout, lengths_B: Tensor) -> list[Past]:
        """Keep of histories that will not change, but for their last position, what that position attends to.

        Args:
            x_RLD: the inputs, laid out in rows; what stands at a last position is not used.
            layout: of the rows.
            lengths_B: of the histories, the last position included.

        Returns:
            One `Past` per block.
        """
        positions_L = torch.arange(x_RLD.shape[1], device=x_RLD.device)
        visible_BL = (positions_L < lengths_B[:, None] - 1) | (positions_L == positions_L[-1])  # the slot comes last
        bias_BL = x_RLD.new_zeros(visible_BL.shape).masked_fill(~visible_BL, -torch.inf)
        pasts = []
        for block in self._stack:
            pasts.append(block.attention.remember(x_RLD, layout, bias_BL[:, None, None, :]))
            if block is not self._stack[-1]:
                x_RLD = block(x_RLD, layout.mask_R1LL)
        return pasts

    def step(self, x_BD: Tensor, pasts: list[Past]) -> Tensor:
        """Transform one new position [B, D] after those in `pasts`: what `forward` gives at that position."""
        for block, past in zip(self._stack, pasts, strict=True):
            x_BD = block.step(x_BD, past)
        return x_BD
