"""Whether a network knows how long ago an item came.

Legend: L the longest history, D width.
"""

from collections.abc import Callable

from torch import Tensor, nn


class NoPositions(nn.Module):
    """Order shows only in what precedes what, through the causal mask."""

    def forward(self, x: Tensor, ages: Tensor) -> Tensor:
        """The item vectors [..., D] as they are."""
        return x


class LearnedPositions(nn.Module):
    """A learned vector for each age, as SASRec has (Kang and McAuley, 2018): padded on the left, age is position."""

    def __init__(self, max_length: int, dimension: int) -> None:
        super().__init__()
        self.by_age = nn.Embedding(max_length, dimension)
        nn.init.normal_(self.by_age.weight, std=0.1)

    def forward(self, x: Tensor, ages: Tensor) -> Tensor:
        """Add to item vectors [..., D] those of their ages [...], int64: how many items of the history come after."""
        return x + self.by_age(ages)


POSITIONS: dict[str, Callable[[int, int], nn.Module]] = {
    "none": lambda max_length, dimension: NoPositions(),
    "learned": LearnedPositions,
}
