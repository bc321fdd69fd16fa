"""Multi-head attention, over whole sequences and, with cached keys and values, over one new position.

Legend: B sequences, L positions, D width, H heads, E = D / H; R rows of W columns (`adrec.layout`).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adrec.bare import linear
from adrec.layout import Layout

Step = Callable[[Tensor], Tensor]  # from what stands at each history's last position, [B, D], to what comes out there


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

    def after(self, x_RWD: Tensor, layout: Layout, bias_B11L: Tensor | None) -> Step:
        """Self-attention at the last position of histories that do not change before it.

        Args:
            x_RWD: what attends, laid out in rows; what stands at a last position is not used.
            layout: of the rows.
            bias_B11L: added to the logits of the last position, where not all is seen (`Padding.over_last`).
        """
        return self._last(x_RWD, layout, bias_B11L, slice(None))

    def over(self, x_RWD: Tensor, layout: Layout, bias_B11L: Tensor | None) -> Step:
        """Cross-attention from each history's last position to all of `x_RWD`; the arguments are those of `after`."""
        return self._last(x_RWD, layout, bias_B11L, slice(self.query.out_features))

    def _last(self, x_RWD: Tensor, layout: Layout, bias_B11L: Tensor | None, anew: slice) -> Step:
        """Attention at the last position, which at each step projects its input `anew` to these of 3D features."""
        parts, output = (self.query, self.key, self.value), linear(self.output)
        weight_3DD, bias_3D = torch.cat([part.weight for part in parts]), torch.cat([part.bias for part in parts])
        projected_RW3D = F.linear(x_RWD, weight_3DD, bias_3D)  # one product is faster than three
        projected_BL3D = layout.histories(projected_RW3D)
        projected_BL3D[:, -1] = layout.ends(projected_RW3D)
        query_BHLE, keys_BHLE, values_BHLE = map(self._split, projected_BL3D.chunk(3, dim=-1))
        query_BH1E, features_BA = query_BHLE[:, :, -1:], projected_BL3D[:, -1, anew]
        weight_DA, bias_A = weight_3DD[anew].T, bias_3D[anew]

        def step(x_BD: Tensor) -> Tensor:
            torch.addmm(bias_A, x_BD, weight_DA, out=features_BA)  # seen through the views above
            attended_BH1E = F.scaled_dot_product_attention(query_BH1E, keys_BHLE, values_BHLE, attn_mask=bias_B11L)
            return output(attended_BH1E.flatten(1))

        return step

    def _split(self, x_BLD: Tensor) -> Tensor:
        return x_BLD.unflatten(-1, (self.heads, -1)).transpose(1, 2)
