"""Training batches that hold almost no padding: several users' histories share a row.

Legend: R rows of width W; M real tokens. In short sets nine of ten positions of one-history-a-row batches would be
padding. Users in one row do not see each other: `segments` tells them apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from adrec.sequences import Histories

ROW_MULTIPLE = 64


@dataclass(frozen=True)
class Batch:
    """Inputs and next-item targets of some users.

    Attributes:
        items_RW: item numbers, int64; 0 is padding.
        targets_RW: the item that follows each input, int64; 0 is padding.
        segments_RW: which user of its row a token belongs to, from 1 on, int64; 0 is padding.
        shares_RW: one over the number of tokens of the token's user, float32; sums to the number of users.
    """

    items_RW: Tensor
    targets_RW: Tensor
    segments_RW: Tensor
    shares_RW: Tensor

    @property
    def real_RW(self) -> Tensor:
        """True where there is a token, bool."""
        return self.segments_RW > 0

    @property
    def mask_R1WW(self) -> Tensor:
        """True where a position may see another: its own user's, not later, bool; padding sees itself."""
        same_RWW = self.segments_RW[:, :, None] == self.segments_RW[:, None, :]
        return same_RWW.tril()[:, None]

    def to(self, device: torch.device) -> "Batch":
        """The same batch on `device`."""
        return Batch(*(x.to(device) for x in (self.items_RW, self.targets_RW, self.segments_RW, self.shares_RW)))


def row_width(max_length: int) -> int:
    """W: the smallest multiple of 64 that holds the longest history."""
    return -(-max_length // ROW_MULTIPLE) * ROW_MULTIPLE


def shuffled(histories: Histories, max_length: int, batch_size: int, random: np.random.Generator) -> Iterator[Batch]:
    """One epoch: every user with at least two interactions once, `batch_size` users a batch, in random order.

    A user contributes the most recent `max_length` inputs and, shifted by one, their targets.
    """
    recent = histories.last(max_length + 1)
    users = random.permutation(np.flatnonzero(recent.lengths >= 2))
    for start in range(0, len(users), batch_size):
        yield pack(recent, users[start : start + batch_size], row_width(max_length))


def pack(histories: Histories, users: np.ndarray, width: int) -> Batch:
    """Lay the histories of `users` (indices) into rows of `width`."""
    lengths = histories.lengths[users] - 1
    rows, columns, segments = place(lengths, width)
    shape = (rows.max() + 1, width)
    token_user = np.repeat(np.arange(len(users)), lengths)
    within = np.arange(len(token_user)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    source = histories.offsets[users][token_user] + within
    spot = (rows[token_user], columns[token_user] + within)

    def laid_out(values: np.ndarray, dtype: type) -> Tensor:
        grid = np.zeros(shape, dtype=dtype)
        grid[spot] = values
        return torch.from_numpy(grid)

    return Batch(
        items_RW=laid_out(histories.items[source], np.int64),
        targets_RW=laid_out(histories.items[source + 1], np.int64),
        segments_RW=laid_out(segments[token_user], np.int64),
        shares_RW=laid_out(1 / lengths[token_user], np.float32),
    )


def place(lengths: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pack items of `lengths` into rows of `width`, longest first, each into the fullest row that still has room.

    Returns:
        For each item its row, its first column, and its ordinal within the row from 1 on.
    """
    rows, columns, ordinals = (np.empty(len(lengths), dtype=np.int64) for _ in range(3))
    rows_with_room: list[list[tuple[int, int]]] = [[] for _ in range(width + 1)]  # by free columns: (row, items in it)
    num_rows = 0
    for index in np.argsort(-lengths, kind="stable"):
        length = int(lengths[index])
        free = next((room for room in range(length, width + 1) if rows_with_room[room]), None)
        if free is None:
            row, count, free = num_rows, 0, width
            num_rows += 1
        else:
            row, count = rows_with_room[free].pop()
        rows[index], columns[index], ordinals[index] = row, width - free, count + 1
        rows_with_room[free - length].append((row, count + 1))
    return rows, columns, ordinals
