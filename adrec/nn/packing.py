"""Where the tokens of a ragged batch stand: histories side by side, in rows that hold almost no padding.

In short sets nine of ten positions of one-history-a-row batches would be padding. Histories that share a row do not
see each other (`adrec.nn.padding`).

Legend: B histories, L positions of the longest, M tokens of all, history by history; R rows of W columns, of which the
first Z (0 or 1) hold a padding token; D width.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import torch
from torch import Tensor

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Layout:
    """A plan of the rows.

    Attributes:
        lengths_B: tokens of each history, int64.
        starts_B: of each history's first token in the flattened rows, int64.
        slot_M: of each token in the flattened rows, int64.
        segments_RW: which history of its row a token belongs to, from 1 on, int64 [R, W]; 0 is padding.
        history_M: which history a token belongs to, int64.
        num_sink_tokens: Z.
    """

    lengths_B: Tensor
    starts_B: Tensor
    slot_M: Tensor
    segments_RW: Tensor
    history_M: Tensor
    num_sink_tokens: int

    @classmethod
    def of(
        cls, lengths: np.ndarray, width: int, num_sink_tokens: int, device: torch.device = CPU, multiple: int = 1
    ) -> Self:
        """Fill rows of `width` positions, after `num_sink_tokens` padding tokens, with histories of `lengths` >= 1.

        There are a `multiple` of rows; the last ones may be empty.

        The rows are filled on the host; what there is of each token follows from it on the device.
        """
        assert lengths.min(initial=1) >= 1, "an empty history has no place"
        rows, columns, ordinals = place(lengths, width)
        starts = rows * (num_sink_tokens + width) + num_sink_tokens + columns
        lengths_B, starts_B, ordinals_B = (to_device(values, device) for values in (lengths, starts, ordinals))
        num_tokens = int(lengths.sum())
        history_M = torch.repeat_interleave(lengths_B, output_size=num_tokens)
        slot_M = torch.arange(num_tokens, device=device) + (starts_B - lengths_B.cumsum(0) + lengths_B)[history_M]
        num_rows = -(-(int(rows.max()) + 1) // multiple) * multiple
        segments_RW = torch.zeros(num_rows, num_sink_tokens + width, dtype=torch.int64, device=device)
        segments_RW.view(-1)[slot_M] = ordinals_B[history_M]
        return cls(lengths_B, starts_B, slot_M, segments_RW, history_M, num_sink_tokens)

    @classmethod
    def alone(cls, length: int, num_sink_tokens: int, device: torch.device) -> Self:
        """What `of` plans for a single history, in a row as wide as it is, where there is nothing to pack."""
        place_W = torch.arange(num_sink_tokens + length, device=device)
        return cls(
            lengths_B=torch.tensor([length], device=device),
            starts_B=torch.tensor([num_sink_tokens], device=device),
            slot_M=place_W[num_sink_tokens:],
            segments_RW=(place_W >= num_sink_tokens).long()[None],
            history_M=torch.zeros(length, dtype=torch.int64, device=device),
            num_sink_tokens=num_sink_tokens,
        )

    @property
    def position_M(self) -> Tensor:
        """How many tokens of its history come before each token, int64."""
        return self.slot_M - self.starts_B[self.history_M]

    @property
    def ends_B(self) -> Tensor:
        """Of each history's last token in the flattened rows, int64."""
        return self.starts_B + self.lengths_B - 1

    @cached_property
    def longest(self) -> int:
        """L."""
        return int(self.lengths_B.max())

    @property
    def reverse_position_M(self) -> Tensor:
        """How many tokens of its history come after each token, int64."""
        return self.ends_B[self.history_M] - self.slot_M

    def rows(self, values_M: Tensor, background_RW: Tensor | None = None) -> Tensor:
        """Values of tokens [M, ...] in their places [R, W, ...]; elsewhere the background, or 0."""
        if background_RW is None:
            flat = values_M.new_zeros(self.segments_RW.numel(), *values_M.shape[1:])
        else:
            flat = background_RW.flatten(0, 1).clone()
        flat[self.slot_M] = values_M
        return flat.unflatten(0, self.segments_RW.shape)

    def tokens(self, x_RW: Tensor) -> Tensor:
        """What stands [M, ...] in the tokens' places of [R, W, ...]."""
        return x_RW.flatten(0, 1).index_select(0, self.slot_M)  # a GPU sorts in the backward pass of indexing

    def ends(self, x_RW: Tensor) -> Tensor:
        """What stands [B, ...] at each history's end in [R, W, ...]."""
        return x_RW.flatten(0, 1)[self.ends_B]

    def histories(self, x_RW: Tensor) -> Tensor:
        """Each history's own places [B, Z + L, ...] of [R, W, ...], after its row's padding tokens.

        What comes after a history's end means nothing.
        """
        return x_RW.flatten(0, 1)[self._slot_BL]

    @cached_property
    def _slot_BL(self) -> Tensor:
        """Of each history's own places in the flattened rows, int64 [B, Z + L]."""
        width = self.segments_RW.shape[1]
        places_BL = self.starts_B[:, None] + torch.arange(self.longest, device=self.starts_B.device)
        sink_BZ = (self.starts_B // width * width)[:, None] + torch.arange(
            self.num_sink_tokens, device=self.starts_B.device
        )
        return torch.cat([sink_BZ, places_BL.clamp(max=self.segments_RW.numel() - 1)], dim=1)

    def up_to_end(self, x_RW: Tensor) -> Tensor:
        """`histories`, with what stands at each history's end in the last place too: as `seen_by_last` has it."""
        x_BL = self.histories(x_RW)
        x_BL[:, -1] = self.ends(x_RW)
        return x_BL

    def lengths_at(self) -> Tensor:
        """How many tokens the history of each place has, int64 [R, W]; 0 for padding."""
        return self.rows(self.lengths_B[self.history_M])

    def seen_by_last(self) -> Tensor:
        """Which of L places the last token of a history sees, bool [B, L]: those before it, and the final one, its own.

        There a step computes it (`Encoder.after`), whatever the history's length.
        """
        place_L = torch.arange(self.longest, device=self.lengths_B.device)
        return (place_L < self.lengths_B[:, None] - 1) | (place_L == self.longest - 1)


def place(lengths: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pack items of `lengths` into rows of `width`, longest first, each into the fullest row that still has room.

    Returns:
        For each item its row, its first column, and its ordinal within the row from 1 on.
    """
    sizes = lengths.tolist()
    rows, columns, ordinals = ([0] * len(sizes) for _ in range(3))
    rows_with_room: list[list[tuple[int, int]]] = [[] for _ in range(width + 1)]  # by free columns: (row, items in it)
    num_rows = 0
    for index in sorted(range(len(sizes)), key=lambda index: -sizes[index]):
        length = sizes[index]
        free = next((room for room in range(length, width + 1) if rows_with_room[room]), None)
        if free is None:
            row, count, free = num_rows, 0, width
            num_rows += 1
        else:
            row, count = rows_with_room[free].pop()
        rows[index], columns[index], ordinals[index] = row, width - free, count + 1
        rows_with_room[free - length].append((row, count + 1))
    return np.array(rows, np.int64), np.array(columns, np.int64), np.array(ordinals, np.int64)


def to_device(values: np.ndarray, device: torch.device) -> Tensor:
    """Integers of the host as int64 on `device`; the host does not wait for a GPU to have them."""
    tensor = torch.from_numpy(values.astype(np.int64))
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
