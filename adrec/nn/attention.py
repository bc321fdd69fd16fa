"""Multi-head attention, over whole rows and, with cached keys and values, over one new position.

Legend: R rows of W columns, B histories of L positions in them (`adrec.nn.packing`), D width, H heads, E = D / H.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adrec.nn.dropout import Dropout
from adrec.nn.functional import linear
from adrec.nn.packing import Layout

KeysValues = tuple[Tensor, Tensor]
Step = Callable[[Tensor], Tensor]  # from C candidates for each history's last position, [B, C, D], to their outputs


class Attention(nn.Module):
    """Scaled dot-product attention of several heads; the mask says who sees whom."""

    def __init__(self, dimension: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = Dropout(dropout)
        self.query = nn.Linear(dimension, dimension)
        self.key = nn.Linear(dimension, dimension)
        self.value = nn.Linear(dimension, dimension)
        self.output = nn.Linear(dimension, dimension)

    def forward(self, x_RWD: Tensor, seen_RWD: Tensor, mask_R1WW: Tensor) -> Tensor:
        """Let each position of `x_RWD` gather from those of `seen_RWD`: from itself and others in self-attention.

        Args:
            x_RWD: what asks.
            seen_RWD: what answers.
            mask_R1WW: true where the row's position may see the column's, or what is added to the logits.
        """
        return self.gather(x_RWD, self.keys_values(seen_RWD), mask_R1WW)

    def keys_values(self, seen_RWD: Tensor) -> KeysValues:
        """Of what answers, the keys and the values, both [R, W, D]."""
        return self.key(seen_RWD), self.value(seen_RWD)

    def gather(self, x_RWD: Tensor, keys_values: KeysValues, mask_R1WW: Tensor) -> Tensor:
        """`forward`, where the keys and values of what answers are known."""
        query_RHWE, key_RHWE, value_RHWE = (self._split(part) for part in (self.query(x_RWD), *keys_values))
        attended_RHWE = self._attend(query_RHWE, key_RHWE, value_RHWE, mask_R1WW)
        return self.output(attended_RHWE.transpose(1, 2).flatten(2))

    def _attend(self, query_RHWE: Tensor, key_RHWE: Tensor, value_RHWE: Tensor, mask_R1WW: Tensor) -> Tensor:
        """Scaled dot-product attention, with dropout of its weights in training.

        torch has no fused kernel with dropout for a processor; what it does there instead looks for rows that see
        nothing, of which there are none here, and takes a tenth of a training step longer.
        """
        if not self.training or query_RHWE.is_cuda:
            dropped = self.dropout.p if self.training else 0.0
            return F.scaled_dot_product_attention(query_RHWE, key_RHWE, value_RHWE, mask_R1WW, dropped)
        logits_RHWW = (query_RHWE * query_RHWE.shape[-1] ** -0.5) @ key_RHWE.transpose(2, 3)
        if mask_R1WW.dtype == torch.bool:
            logits_RHWW.masked_fill_(~mask_R1WW, -torch.inf)
        else:
            logits_RHWW += mask_R1WW
        return self.dropout(logits_RHWW.softmax(dim=-1)) @ value_RHWE

    def after(self, keys_values: KeysValues, layout: Layout, bias_B1CL: Tensor) -> Step:
        """Self-attention at the last position of histories that do not change before it.

        Args:
            keys_values: of what attends, laid out in rows; what stands at a last position is not used.
            layout: of the rows.
            bias_B1CL: added to the logits of up to C candidates for the last position; see `candidate_mask`.
        """
        output = linear(self.output)
        parts = (self.query, self.key, self.value)  # one product is faster than three
        weight_3DD, bias_3D = torch.cat([part.weight for part in parts]), torch.cat([part.bias for part in parts])
        before, room = layout.longest + layout.num_sink_tokens - 1, bias_B1CL.shape[2]
        keys_BHLE, values_BHLE = (
            F.pad(self._split(layout.histories(part_RWD)[:, :-1]), (0, 0, 0, room)) for part_RWD in keys_values
        )

        def step(x_BCD: Tensor) -> Tensor:
            asking = x_BCD.shape[1]
            seen = before + asking
            query_BHCE, key_BHCE, value_BHCE = map(self._split, F.linear(x_BCD, weight_3DD, bias_3D).chunk(3, dim=2))
            keys_BHLE[:, :, before:seen], values_BHLE[:, :, before:seen] = key_BHCE, value_BHCE
            attended_BHCE = F.scaled_dot_product_attention(
                query=query_BHCE,
                key=keys_BHLE[:, :, :seen],
                value=values_BHLE[:, :, :seen],
                attn_mask=bias_B1CL[:, :, :asking, :seen],
            )
            return output(attended_BHCE.transpose(1, 2).flatten(2))

        return step

    def over(self, x_RWD: Tensor, layout: Layout, bias_B11L: Tensor) -> Step:
        """Cross-attention from last positions to their histories in `x_RWD`; the bias is of `Padding.over_last`."""
        keys_BHLE, values_BHLE = (self._split(layout.up_to_end(part(x_RWD))) for part in (self.key, self.value))
        query, output = linear(self.query), linear(self.output)

        def step(x_BCD: Tensor) -> Tensor:
            attended_BHCE = F.scaled_dot_product_attention(
                self._split(query(x_BCD)), keys_BHLE, values_BHLE, attn_mask=bias_B11L
            )
            return output(attended_BHCE.transpose(1, 2).flatten(2))

        return step

    def _split(self, x_BLD: Tensor) -> Tensor:
        return x_BLD.view(*x_BLD.shape[:2], self.heads, x_BLD.shape[2] // self.heads).transpose(1, 2)


def candidate_mask(bias_B11L: Tensor, candidates: int) -> Tensor:
    """The bias of `Padding.over_last` for C candidates that do not see each other, [B, 1, C, L - 1 + C]."""
    own_CC = torch.full((candidates, candidates), -torch.inf, device=bias_B11L.device).fill_diagonal_(0)
    before_B1CL = bias_B11L[..., :-1].expand(-1, -1, candidates, -1)
    return torch.cat([before_B1CL, own_CC.expand(len(bias_B11L), 1, -1, -1)], dim=-1)
