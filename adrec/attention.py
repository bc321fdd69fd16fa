"""Multi-head attention, over whole sequences and, with cached keys and values, over one new position.

Legend: B sequences, L positions, D width, H heads, E = D / H; R rows of W columns (`adrec.layout`).
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adrec.layout import Layout


class Past(NamedTuple):
    """What one layer keeps between steps: all that does not depend on the position being computed.

    Attributes:
        keys_BHLE: of earlier positions; the last slot is free for the new one, and each step overwrites it.
        values_BHLE: likewise.
        slot_2BHE: the two free slots, a view.
        bias_B11L: added to the logits: 0 where a position exists, -inf where none does (`Padding.over_last`).
        weight_3DD: those of query, key and value on top of each other, because one product is faster than three.
        bias_3D: likewise.
    """

    keys_BHLE: Tensor
    values_BHLE: Tensor
    slot_2BHE: Tensor
    bias_B11L: Tensor
    weight_3DD: Tensor
    bias_3D: Tensor


class Attention(nn.Module):
    """Scaled dot-product attention of several heads; the mask says who sees whom."""

    def __init__(self, dimension: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Linear(dimension, dimension)
        self.key = nn.Linear(dimension, dimension)
        self.value = nn.Linear(dimension, dimension)
        self.output = nn.Linear(dimension, dimension)

    def forward(self, x_BLD: Tensor, seen_BLD: Tensor, mask_B1LL: Tensor) -> Tensor:
        """Let each position of `x_BLD` gather from those of `seen_BLD`: from itself and others in self-attention.

        Args:
            x_BLD: what asks.
            seen_BLD: what answers.
            mask_B1LL: true where the row's position may see the column's, or what is added to the logits.
        """
        attended_BHLE = F.scaled_dot_product_attention(
            self._split(self.query(x_BLD)),
            self._split(self.key(seen_BLD)),
            self._split(self.value(seen_BLD)),
            attn_mask=mask_B1LL,
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.output(attended_BHLE.transpose(1, 2).flatten(2))

    def remember(self, x_RWD: Tensor, layout: Layout, bias_B11L: Tensor) -> Past:
        """Keep what steps at the last position need of those before it; the bias is that of `Past`."""
        keys_values = [self._split(layout.histories(part(x_RWD))) for part in (self.key, self.value)]
        keys_values_2BHLE = torch.stack(keys_values)
        parts = (self.query, self.key, self.value)
        return Past(
            keys_BHLE=keys_values_2BHLE[0],
            values_BHLE=keys_values_2BHLE[1],
            slot_2BHE=keys_values_2BHLE[:, :, :, -1],
            bias_B11L=bias_B11L,
            weight_3DD=torch.cat([part.weight for part in parts]),
            bias_3D=torch.cat([part.bias for part in parts]),
        )

    def step(self, x_BD: Tensor, past: Past) -> Tensor:
        """Attend from one new position [B, D] to itself and to all before it; writes it into `past`."""
        projected_B3HE = F.linear(x_BD, past.weight_3DD, past.bias_3D).view(len(x_BD), 3, self.heads, -1)
        past.slot_2BHE.copy_(projected_B3HE[:, 1:].transpose(0, 1))
        return self._gather(projected_B3HE[:, 0], past)

    def fill(self, x_BD: Tensor, past: Past) -> None:
        """Write the last position [B, D] into `past`, where steps only ask."""
        for slot_BHE, part in zip(past.slot_2BHE, (self.key, self.value), strict=True):
            slot_BHE.copy_(part(x_BD).unflatten(-1, (self.heads, -1)))

    def ask(self, x_BD: Tensor, past: Past) -> Tensor:
        """Attend from outside, [B, D], to all positions in `past`."""
        return self._gather(self.query(x_BD).unflatten(-1, (self.heads, -1)), past)

    def _gather(self, query_BHE: Tensor, past: Past) -> Tensor:
        attended_BH1E = F.scaled_dot_product_attention(
            query_BHE[:, :, None], past.keys_BHLE, past.values_BHLE, attn_mask=past.bias_B11L
        )
        return self.output(attended_BH1E.flatten(1))

    def _split(self, x_BLD: Tensor) -> Tensor:
        return x_BLD.unflatten(-1, (self.heads, -1)).transpose(1, 2)
