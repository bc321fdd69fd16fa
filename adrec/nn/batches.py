"""Training batches: some users' inputs and next-item targets, packed into rows (`adrec.nn.packing`).

Legend: U users in all, B of them in a batch, M tokens, user by user.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from adrec.data.histories import Histories
from adrec.nn.packing import CPU, Layout, to_device


@dataclass(frozen=True)
class DeviceHistories:
    """What training sees of all users, on the device that trains: batches are cut out of it there.

    Attributes:
        items: item numbers, user by user, oldest first, int32 [interactions].
        starts_U: where each user begins, int64.
        lengths: interactions of each user, int64 [U], on the host: it plans the batches.
    """

    items: Tensor
    starts_U: Tensor
    lengths: np.ndarray

    @classmethod
    def of(cls, histories: Histories, max_length: int, device: torch.device = CPU) -> Self:
        """Of each user the most recent `max_length` inputs and, shifted by one, their targets."""
        recent = histories.last(max_length + 1)
        return cls(torch.from_numpy(recent.items).to(device), to_device(recent.offsets[:-1], device), recent.lengths)


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
    def inverse_length_M(self) -> Tensor:
        """One over the number of tokens of the token's user; sums to the number of users."""
        return 1 / self.layout.lengths_B[self.layout.history_M]

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


def shuffled(
    histories: DeviceHistories,
    batch_size: int,
    random: np.random.Generator,
    *,
    num_sink_tokens: int = 0,
    process: int = 0,
    processes: int = 1,
    multiple: int = 1,
) -> Iterator[Batch]:
    """One epoch: every user with at least two interactions once, `batch_size` users a batch, in random order.

    Of `processes` that share each batch, the one numbered `process` gets its part; all must be given equal random
    generators. A batch has a `multiple` of rows.
    """
    longest = int(histories.lengths.max(initial=1)) - 1  # wider rows would be no fuller, but attention wants the square
    users = random.permutation(np.flatnonzero(histories.lengths >= 2))
    for start in range(0, len(users), batch_size):
        yield pack(histories, users[start : start + batch_size], longest, num_sink_tokens, process, processes, multiple)


def pack(
    histories: DeviceHistories,
    users: np.ndarray,
    width: int,
    num_sink_tokens: int = 0,
    process: int = 0,
    processes: int = 1,
    multiple: int = 1,
) -> Batch:
    """Lay a process's part of the histories of `users` (indices) into rows, as `Layout.of`."""
    before, own, _ = np.split(users, np.array([process, process + 1]) * len(users) // processes)
    weight = float(processes)
    if not len(own):
        before, own, weight = users[:0], users[:1], 0.0
    inputs = histories.lengths - 1
    part = Part(int(inputs[before].sum()), int(inputs[users].sum()), len(users), weight)
    layout = Layout.of(inputs[own], width, num_sink_tokens, histories.items.device, multiple)
    source_M = histories.starts_U[to_device(own, histories.items.device)][layout.history_M] + layout.position_M
    return Batch(layout, histories.items[source_M].long(), histories.items[source_M + 1].long(), part)
