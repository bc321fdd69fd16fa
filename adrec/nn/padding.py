"""What the padding before a short history is to the network: nothing, or something that every token sees.

The released code pads a history of n items on the left to `max_length`. Its padding mask spares the *queries* of the
padding, not its keys, so tokens attend to all P = max_length - n padding positions. These hold the same vector at every
layer (where dropout is off), and P equal keys weigh in a softmax like one whose logit is greater by log P. `Sink`
therefore puts one padding token before each row and gives it that logit: exact, whatever P. `Masked` is what the
paper's text says.

Legend: as `adrec.nn.packing`. A mask is what `scaled_dot_product_attention` takes: bool (true where seen) or what
is added to the logits.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from adrec.nn.packing import Layout


class Padding(Protocol):
    """How a network reads rows in which the padding is left out.

    Attributes:
        num_sink_tokens: Z, the padding tokens before each row.
        first_candidate: the first row of the item embedding that training ranks: 1, or 0 where padding is a class too.
    """

    num_sink_tokens: int
    first_candidate: int

    def over_rows(self, layout: Layout) -> Tensor:
        """The mask [R, 1, W, W] of whole rows."""

    def over_last(self, layout: Layout) -> Tensor:
        """What is added to the logits of each history's last token, [B, 1, 1, Z + L]; see `Layout.seen_by_last`."""


class Masked:
    """Padding is invisible: an answer depends on the history alone."""

    num_sink_tokens = 0
    first_candidate = 1

    def over_rows(self, layout: Layout) -> Tensor:
        """Each token sees its own history up to itself."""
        return _own_and_earlier(layout)[:, None]

    def over_last(self, layout: Layout) -> Tensor:
        """The last token sees itself and all before it."""
        return _logits(layout.seen_by_last())[:, None, None]


class Sink:
    """The released code's arithmetic: tokens attend to the padding, and the softmax over the items has a class for it.

    Args:
        max_length: how far the released code would pad; no history may be longer.
    """

    num_sink_tokens = 1
    first_candidate = 0

    def __init__(self, max_length: int) -> None:
        self.max_length = max_length

    def over_rows(self, layout: Layout) -> Tensor:
        """Each token sees its own history up to itself, and the padding token; the padding token sees itself."""
        mask_RWW = _logits(_own_and_earlier(layout))
        mask_RWW[:, :, 0] = self._weight(layout.lengths_at())
        return mask_RWW[:, None]

    def over_last(self, layout: Layout) -> Tensor:
        """The last token sees the padding token, itself and all before it."""
        weight_B1 = self._weight(layout.lengths_B)[:, None]
        return torch.cat([weight_B1, _logits(layout.seen_by_last())], dim=1)[:, None, None]

    def _weight(self, lengths: Tensor) -> Tensor:
        """Log P; minus infinity, a key that nobody sees, for a history as long as `max_length`."""
        return (self.max_length - lengths).log()


PADDINGS: dict[str, Callable[[int], Padding]] = {"masked": lambda max_length: Masked(), "sink": Sink}


def _own_and_earlier(layout: Layout) -> Tensor:
    """True where a place may see another, of its own history and not later, bool [R, W, W]; padding alike."""
    same_RWW = layout.segments_RW[:, :, None] == layout.segments_RW[:, None, :]
    return same_RWW.tril()


def _logits(seen: Tensor) -> Tensor:
    """0 where a key is seen and minus infinity where it is not, float32."""
    return torch.where(seen, 0.0, -torch.inf)
