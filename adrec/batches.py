"""Training batches: some users' inputs and next-item targets, packed into rows (`adrec.layout`).

Legend: B users, M tokens, user by user.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from adrec.layout import Layout
from adrec.sequences import Histories


@dataclass(frozen=True)
class Part:
    """Which share of a batch this process has, where several processes train one model.

    Attributes:
        first: its first token among those of the whole batch.
        tokens: of the whole batch.
        users: of the whole batch.
        weight: what it counts for in the processes' mean: their number; 0 where there are fewer users than processes
            and it computes what another has.
    """

    first: int
    tokens: int
    users: int
    weight: float


@dataclass(frozen=True)
class Batch:
    """Inputs and next-item targets of some users.

    Attributes:
        layout: where the tokens stand.
        items_M: item numbers, int64.
        targets_M: the item that follows each input, int64.
        part: of the batch that all processes share.
    """

    layout: Layout
    items_M: Tensor
    targets_M: Tensor
    part: Part

    @property
    def shares_M(self) -> Tensor:
        """One over the number of tokens of the token's user; sums to the number of users."""
        return 1 / self.layout.lengths_B[self.layout.of_M]

    @property
    def user_weight(self) -> float:
        """The processes' mean of their means over users, each times this, is that of the whole batch."""
        return self.part.weight * len(self.layout.lengths_B) / self.part.users

    def every(self, stride: int) -> tuple[slice, float]:
        """Which of the M tokens are `stride`-th ones of the whole batch, and the weight of a mean over them.

        The processes' mean of their means, each times its weight, is that of the whole batch.
        """
        chosen = slice(-self.part.first % stride, None, stride)
        own, whole = range(chosen.start, len(self.items_M), stride), range(0, self.part.tokens, stride)
        return chosen, self.part.weight * len(own) / len(whole)

    def own(self, values: Tensor) -> Tensor:
        """This part's [M, ...] of what is drawn for all tokens of the whole batch: so all draw the same."""
        return values[self.part.first : self.part.first + len(self.items_M)]

    def to(self, device: torch.device) -> Self:
        """The same batch on `device`."""
        return replace(
            self,
            layout=self.layout.to(device),
            items_M=self.items_M.to(device),
            targets_M=self.targets_M.to(device),
        )


def shuffled(
    histories: Histories,
    max_length: int,
    batch_size: int,
    random: np.random.Generator,
    *,
    lead: int = 0,
    process: int = 0,
    processes: int = 1,
) -> Iterator[Batch]:
    """One epoch: every user with at least two interactions once, `batch_size` users a batch, in random order.

    A user contributes the most recent `max_length` inputs and, shifted by one, their targets. Of `processes` that share
    each batch, the one numbered `process` gets its part; all must be given equal random generators.
    """
    recent = histories.last(max_length + 1)
    longest = int(recent.lengths.max(initial=1)) - 1  # wider rows would be no fuller, but attention wants their square
    users = random.permutation(np.flatnonzero(recent.lengths >= 2))
    for start in range(0, len(users), batch_size):
        yield pack(recent, users[start : start + batch_size], longest, lead, process, processes)


def pack(
    histories: Histories, users: np.ndarray, width: int, lead: int = 0, process: int = 0, processes: int = 1
) -> Batch:
    """Lay a process's part of the histories of `users` (indices) into rows of `width` after `lead` padding tokens."""
    before, own, _ = np.split(users, np.array([process, process + 1]) * len(users) // processes)
    weight = float(processes)
    if not len(own):
        before, own, weight = users[:0], users[:1], 0.0
    inputs = histories.lengths - 1
    part = Part(int(inputs[before].sum()), int(inputs[users].sum()), len(users), weight)
    layout = Layout.of(inputs[own], width, lead)
    within = layout.spot_M - layout.starts_B[layout.of_M]
    source = histories.offsets[own][layout.of_M] + within.numpy()
    return Batch(layout, _numbers(histories.items[source]), _numbers(histories.items[source + 1]), part)


def _numbers(items: np.ndarray) -> Tensor:
    return torch.from_numpy(items.astype(np.int64))
