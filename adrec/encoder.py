"""The post-norm transformer that SASRec, ADRec's causal attention module and its denoiser all are.

Legend: B sequences, L positions, D width.
"""

from typing import cast

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
        return self._finish(x_BLD, self.attention(x_BLD, mask_B1LL))

    def step(self, x_B1D: Tensor, past: Past) -> Tensor:
        """Transform one new position, given the keys and values of those before it."""
        return self._finish(x_B1D, self.attention.step(x_B1D, past))

    def _finish(self, x_BLD: Tensor, attended_BLD: Tensor) -> Tensor:
        x_BLD = self.attention_norm(x_BLD + self.dropout(attended_BLD))
        hidden = self.dropout(F.gelu(self.widen(x_BLD), approximate="tanh"))
        return self.feed_forward_norm(x_BLD + self.dropout(self.narrow(hidden)))


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
        """Keys and values of sequences that will not change, for one more position to attend to.

        Args:
            x_BLD: the inputs of the fixed positions.
            visible_BL: false where a position is padding (after the end of a shorter sequence).

        Returns:
            One `Past` per block.
        """
        visible_B11L = F.pad(visible_BL, (0, 1), value=True)[:, None, None, :]
        pasts = []
        for block in self._stack:
            keys_BHLE, values_BHLE = block.attention.keys_values(x_BLD)
            pasts.append(Past(_with_free_slot(keys_BHLE), _with_free_slot(values_BHLE), visible_B11L))
            if block is not self._stack[-1]:
                x_BLD = block(x_BLD, None)
        return pasts

    def step(self, x_BD: Tensor, pasts: list[Past]) -> Tensor:
        """Transform one new position [B, D] after those in `pasts`: what `forward` gives at that position."""
        x_B1D = x_BD[:, None]
        for block, past in zip(self._stack, pasts, strict=True):
            x_B1D = block.step(x_B1D, past)
        return x_B1D[:, 0]


def _with_free_slot(x_BHLE: Tensor) -> Tensor:
    return F.pad(x_BHLE, (0, 0, 0, 1)).contiguous()
