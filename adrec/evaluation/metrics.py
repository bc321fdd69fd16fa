"""HR@K and NDCG@K over the full ranking: per user first, mean second.

Legend: U users, B of them at once, V items, K items recommended. A rank counts from 0; a target that no model could
name has rank V.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def rank(scores_BV: Tensor, targets_B: Tensor) -> Tensor:
    """How many items stand before each target, int64 [B].

    Equal scores stand in the order of their columns, so this is the target's place in a stable descending sort.

    Args:
        scores_BV: one score for each item; -inf for what may not be recommended.
        targets_B: column of each target.

    >>> rank(torch.tensor([[0.1, 0.9, 0.5, 0.5]]), torch.tensor([3]))
    tensor([2])
    """
    target_score_B1 = scores_BV.gather(1, targets_B[:, None])
    earlier_BV = torch.arange(scores_BV.shape[1], device=scores_BV.device) < targets_B[:, None]
    before_BV = (scores_BV > target_score_B1) | ((scores_BV == target_score_B1) & earlier_BV)
    return before_BV.sum(dim=1)


def hit_rate(ranks: np.ndarray, cutoff: int) -> np.ndarray:
    """HR@K of each user: 1 where the target is among the first K, else 0.

    >>> hit_rate(np.array([0, 4, 5]), 5)
    array([1., 1., 0.])
    """
    return (ranks < cutoff).astype(np.float64)


def ndcg(ranks: np.ndarray, cutoff: int) -> np.ndarray:
    """NDCG@K of each user with one relevant item: 1 / log2(rank + 2) among the first K, else 0.

    >>> ndcg(np.array([0, 2, 5]), 5)
    array([1. , 0.5, 0. ])
    """
    return np.where(ranks < cutoff, 1 / np.log2(ranks + 2.0), 0.0)


def overlap(ours_UK: np.ndarray, theirs_UK: np.ndarray) -> np.ndarray:
    """Share of each user's K recommended items that two recommenders agree on, whatever their order, float64 [U].

    >>> overlap(np.array([[1, 2, 3, 4]]), np.array([[4, 9, 2, 8]]))
    array([0.5])
    """
    common_U = (ours_UK[:, :, None] == theirs_UK[:, None, :]).sum(axis=(1, 2))
    return common_U / ours_UK.shape[1]


def per_user(ranks: np.ndarray, cutoffs: Sequence[int]) -> dict[str, np.ndarray]:
    """Every metric at every cutoff, by name, float64 [users]."""
    measures = {"HR": hit_rate, "NDCG": ndcg}
    return {f"{name}@{k}": measure(ranks, k) for k in cutoffs for name, measure in measures.items()}


def means(ranks: np.ndarray, cutoffs: Sequence[int]) -> dict[str, float]:
    """The mean over users of every metric at every cutoff."""
    return {name: float(values.mean()) for name, values in per_user(ranks, cutoffs).items()}


def confidence(values: np.ndarray, resamples: int, seed: int = 0, level: float = 0.95) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean over users: it covers the choice of users, not of training seeds.

    A metric takes few values, so what is drawn is how many users have each.
    """
    distinct, users = np.unique(values, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(len(values), users / len(values), size=resamples) @ distinct
    low, high = np.quantile(draws / len(values), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
