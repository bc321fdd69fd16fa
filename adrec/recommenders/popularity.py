"""Recommend to everybody what most users took."""

import numpy as np
import torch
from torch import Tensor

from adrec.data.histories import Histories
from adrec.recommenders.base import Scorer


def count(histories: Histories, num_items: int) -> np.ndarray:
    """Interactions with each item 1..V, int64 [V]."""
    return np.bincount(histories.items, minlength=num_items + 1)[1:]


def popularity_scorer(counts: np.ndarray) -> Scorer:
    """The same scores for every user: the counts."""
    scores_V = torch.from_numpy(counts.astype(np.float32))

    def score(histories: Histories, users: np.ndarray) -> Tensor:
        return scores_V.expand(len(users), -1)

    return score
