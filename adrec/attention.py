"""Causal multi-head self-attention, over whole sequences and, with cached keys and values, over one new position.

Legend: B sequences, L positions, D width, H heads, E = D / H.
"""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn


class Past(NamedTuple):
    """Keys and values of earlier positions, with one free slot at the end for the position being computed.

    Attributes:
        keys_BHLE: its slot `[:, :, -1]` is overwritten by each step.
        values_BHLE: likewise.
        visible_B11L: which positions exist, bool; the last one is the position itself and always does.
    """

    keys_BHLE: Tensor
    values_BHLE: Tensor
    visible_B11L: Tensor


class CausalSelfAttention(nn.Module):
    """Scaled dot-product attention in which no position sees a later one."""

    def __init__(self, dimension: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Linear(dimension, dimension)
        self.key = nn.Linear(dimension, dimension)
        self.value = nn.Linear(dimension, dimension)
        self.output = nn.Linear(dimension, dimension)

    def forward(self, x_BLD: Tensor, mask_B1LL: Tensor | None) -> Tensor:
        """Attend within each sequence.

        Args:
            x_BLD: inputs.
            mask_B1LL: true where the row's position may see the column's; None for plain causal order.
        """
        attended_BHLE = F.scaled_dot_product_attention(
            self._split(self.query(x_BLD)),
            *self.keys_values(x_BLD),
            attn_mask=mask_B1LL,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=mask_B1LL is None,
        )
        return self.output(attended_BHLE.transpose(1, 2).flatten(2))

    def keys_values(self, x_BLD: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values [B, H, L, E] of the positions in `x_BLD`."""
        return self._split(self.key(x_BLD)), self._split(self.value(x_BLD))

    def step(self, x_B1D: Tensor, past: Past) -> Tensor:
        """Attend from one new position to itself and to all before it; writes the new position into `past`."""
        key_BH1E, value_BH1E = self.keys_values(x_B1D)
        past.keys_BHLE[:, :, -1:] = key_BH1E
        past.values_BHLE[:, :, -1:] = value_BH1E
        query_BH1E = self._split(self.query(x_B1D))
        attended_BH1E = F.scaled_dot_product_attention(
            query_BH1E, past.keys_BHLE, past.values_BHLE, attn_mask=past.visible_B11L
        )
        return self.output(attended_BH1E.transpose(1, 2).flatten(2))

    def _split(self, x_BLD: Tensor) -> Tensor:
        return x_BLD.unflatten(-1, (self.heads, -1)).transpose(1, 2)
