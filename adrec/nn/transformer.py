"""The post-norm transformer that SASRec, ADRec's causal attention module and its denoiser all are.

Legend: R rows of W columns, B histories in them (`adrec.nn.packing`), C candidates for a history's last position, D
width.
"""

from functools import reduce
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from adrec.nn.attention import Attention, KeysValues, Step, candidate_mask
from adrec.nn.dropout import Dropout
from adrec.nn.functional import layer_norm, linear
from adrec.nn.packing import Layout

LAYER_NORM_EPSILON = 1e-12


class Block(nn.Module):
    """x <- LN(x + attention(x)); x <- LN(x + feed_forward(x))."""

    def __init__(self, dimension: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(dimension, heads, dropout)
        self.attention_norm = nn.LayerNorm(dimension, eps=LAYER_NORM_EPSILON)
        self.widen = nn.Linear(dimension, 4 * dimension)
        self.narrow = nn.Linear(4 * dimension, dimension)
        self.feed_forward_norm = nn.LayerNorm(dimension, eps=LAYER_NORM_EPSILON)
        self.dropout = Dropout(dropout)

    def forward(self, x_RWD: Tensor, mask_R1WW: Tensor) -> Tensor:
        """Transform whole rows, [R, W, D]; the mask is that of `Attention.forward`."""
        return self.given(x_RWD, self.attention.keys_values(x_RWD), mask_R1WW)

    def given(self, x_RWD: Tensor, keys_values: KeysValues, mask_R1WW: Tensor) -> Tensor:
        """`forward`, where the attention's keys and values are known."""
        x_RWD = self.attention_norm(x_RWD + self.dropout(self.attention.gather(x_RWD, keys_values, mask_R1WW)))
        hidden = self.dropout(F.gelu(self.widen(x_RWD), approximate="tanh"))
        return self.feed_forward_norm(x_RWD + self.dropout(self.narrow(hidden)))

    def after(self, keys_values: KeysValues, layout: Layout, bias_B1CL: Tensor) -> Step:
        """`forward` at the last position, without its dropout; the arguments are those of `Attention.after`."""
        attend = self.attention.after(keys_values, layout, bias_B1CL)
        widen, narrow = linear(self.widen), linear(self.narrow)
        attention_norm, feed_forward_norm = layer_norm(self.attention_norm), layer_norm(self.feed_forward_norm)

        def step(x_BCD: Tensor) -> Tensor:
            x_BCD = attention_norm(x_BCD + attend(x_BCD))
            return feed_forward_norm(x_BCD + narrow(F.gelu(widen(x_BCD), approximate="tanh")))

        return step


class Encoder(nn.Module):
    """A stack of blocks."""

    def __init__(self, blocks: int, dimension: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(dimension, heads, dropout) for _ in range(blocks))

    @property
    def _stack(self) -> list[Block]:
        return cast(list[Block], list(self.blocks))

    def forward(self, x_RWD: Tensor, mask_R1WW: Tensor) -> Tensor:
        """Transform whole rows, [R, W, D]; the mask is that of `Attention.forward`."""
        for block in self.blocks:
            x_RWD = block(x_RWD, mask_R1WW)
        return x_RWD

    def after(self, x_RWD: Tensor, layout: Layout, mask_R1WW: Tensor, bias_B11L: Tensor, candidates: int = 1) -> Step:
        """What `forward` gives at the last position of histories that do not change before it.

        Keys and values of all before are computed here, once.

        Args:
            x_RWD: the inputs, laid out in rows; what stands at a last position is not used.
            layout: of the rows.
            mask_R1WW: who sees whom in the rows.
            bias_B11L: that of `Padding.over_last`.
            candidates: C, how many a step transforms.
        """
        steps, bias_B1CL = [], candidate_mask(bias_B11L, candidates)
        for block in self._stack:
            keys_values = block.attention.keys_values(x_RWD)
            steps.append(block.after(keys_values, layout, bias_B1CL))
            if block is not self._stack[-1]:
                x_RWD = block.given(x_RWD, keys_values, mask_R1WW)
        return lambda x_BCD: reduce(lambda x_BCD, step: step(x_BCD), steps, x_BCD)
