"""Histories of a ragged batch, side by side in rows that hold almost no padding, and back.

Legend: B users, L positions of the longest history, R rows of L positions, D width.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from adrec.batches import place


@dataclass(frozen=True)
class Layout:
    """Where each history stands; those in one row do not see each other.

    Attributes:
        spot_BL: of each position in the flattened rows, int64; any where there is no item.
        real_BL: where there is an item, bool.
        mask_R1LL: true where a position may see another, bool.
    """

    spot_BL: Tensor
    real_BL: Tensor
    mask_R1LL: Tensor

    @classmethod
    def of(cls, lengths_B: Tensor, longest: int) -> "Layout":
        """Fill rows of `longest` positions with histories of these lengths."""
        lengths = lengths_B.cpu().numpy()
        rows, columns, ordinals = place(lengths, longest)
        positions = np.arange(longest)
        real_BL = positions < lengths[:, None]
        spot_BL = np.where(real_BL, (rows * longest + columns)[:, None] + positions, 0)
        segments_RL = np.zeros((rows.max() + 1, longest), dtype=np.int64)
        segments_RL.reshape(-1)[spot_BL[real_BL]] = np.repeat(ordinals, lengths)
        mask_RLL = np.tril(segments_RL[:, :, None] == segments_RL[:, None, :])
        return cls(*(torch.from_numpy(array).to(lengths_B.device) for array in (spot_BL, real_BL, mask_RLL[:, None])))

    def pack(self, items_BL: Tensor) -> Tensor:
        """Right-padded item numbers as rows [R, L]."""
        items_RL = items_BL.new_zeros(len(self.mask_R1LL), items_BL.shape[1])
        items_RL.view(-1)[self.spot_BL[self.real_BL]] = items_BL[self.real_BL]
        return items_RL

    def unpack(self, x_RLD: Tensor) -> Tensor:
        """The vectors of each history again, [B, L, D]; what stands where there is no item means nothing."""
        return x_RLD.flatten(0, 1)[self.spot_BL]
