"""Where a model ranks each user's held-out item among the whole catalogue.

Legend: U users, B of them in a block, L positions, V items, K of them recommended.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from adrec.data.histories import Histories
from adrec.evaluation.metrics import rank
from adrec.recommenders.base import EmbeddingNetwork

BLOCK = 256  # users scored at once: bounds the memory of [users, items]

# Scores [B, V] of items 1..V (column item - 1), given histories and the indices [B] of the users wanted.
Scorer = Callable[[Histories, np.ndarray], Tensor]


def rank_targets(score: Scorer, histories: Histories, targets: np.ndarray, exclude_history: bool) -> np.ndarray:
    """Rank of each user's target item number given the history, int64 [U]."""
    ranks = np.empty(len(targets), dtype=np.int64)
    for users, scores_BV in blocks(score, histories, exclude_history):
        ranks[users] = ranks_in(scores_BV, targets[users])
    return ranks


def rank_and_recommend(
    score: Scorer, histories: Histories, targets: np.ndarray, exclude_history: bool, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """What `rank_targets` gives, and the columns of each user's best `k` items, int64 [U, K]; of all where V < k.

    Both come from the same scores: scoring is what costs. Of a user with fewer than k items left, some of the history
    make up the number.
    """
    ranks = np.empty(len(targets), dtype=np.int64)
    best: dict[int, np.ndarray] = {}
    for users, scores_BV in blocks(score, histories, exclude_history):
        ranks[users] = ranks_in(scores_BV, targets[users])
        top_BK = scores_BV.topk(min(k, scores_BV.shape[1])).indices.cpu().numpy()
        best.update(zip(users.tolist(), top_BK, strict=True))
    return ranks, np.stack([best[user] for user in range(len(targets))])


def blocks(score: Scorer, histories: Histories, exclude_history: bool) -> Iterator[tuple[np.ndarray, Tensor]]:
    """The indices [B] of some users and their scores [B, V], until all users had their turn.

    They come in the order of their history's length, so that a block needs little padding.
    """
    by_length = np.argsort(histories.lengths, kind="stable")
    for start in range(0, len(by_length), BLOCK):
        users = by_length[start : start + BLOCK]
        scores_BV = score(histories, users)
        yield users, mask_seen(scores_BV, histories, users) if exclude_history else scores_BV


def ranks_in(scores_BV: Tensor, targets_B: np.ndarray) -> np.ndarray:
    """Rank of each target item number among its row's scores, int64 [B]."""
    columns_B = torch.from_numpy(targets_B.astype(np.int64) - 1).to(scores_BV.device)
    return rank(scores_BV, columns_B).cpu().numpy()


def best(scores_V: Tensor, k: int) -> Tensor:
    """The columns of the `k` <= V best scores, int64 [K]; equal ones stand in their order, as `metrics.rank` counts."""
    candidates = scores_V >= scores_V.topk(k).values.min() if k else torch.zeros_like(scores_V, dtype=torch.bool)
    columns = candidates.nonzero()[:, 0]
    return columns[scores_V[columns].sort(descending=True, stable=True).indices[:k]]


def mask_seen(scores_BV: Tensor, histories: Histories, users: np.ndarray) -> Tensor:
    """The scores with each user's own items at -inf."""
    lengths = histories.lengths[users]
    rows = np.repeat(np.arange(len(users)), lengths)
    columns = histories.only(users).items - 1
    scores_BV = scores_BV.clone()
    scores_BV[torch.from_numpy(rows), torch.from_numpy(columns.astype(np.int64))] = -torch.inf
    return scores_BV


def padded(histories: Histories, users: np.ndarray, max_length: int) -> tuple[Tensor, Tensor]:
    """The last `max_length` items of each user, right-padded with 0, int64 [B, L]; and their lengths, int64 [B]."""
    lengths = np.minimum(histories.lengths[users], max_length)
    places_L = np.arange(lengths.max())
    sources_BL = (histories.offsets[1:][users] - lengths)[:, None] + places_L
    items_BL = np.where(places_L < lengths[:, None], histories.items.take(sources_BL, mode="clip"), 0)
    return torch.from_numpy(items_BL.astype(np.int64)), torch.from_numpy(lengths.astype(np.int64))


def network_scorer(network: EmbeddingNetwork, max_length: int, device: torch.device) -> Scorer:
    """Score by inner products of the network's representation with the item embeddings.

    The network must be in evaluation mode, and counts as it is now. The scorer raises FloatingPointError where a score
    is not finite: nothing would rank above a target without one.
    """
    represent = network.prepared()

    @torch.inference_mode()
    def score(histories: Histories, users: np.ndarray) -> Tensor:
        items_BL, lengths_B = padded(histories, users, max_length)
        x_BD = represent(items_BL.to(device), lengths_B.to(device))
        scores_BV = x_BD @ network.item_embedding.weight[1:].T
        if not bool(scores_BV.sum().isfinite()):
            raise FloatingPointError("a score is not finite: training diverged; try a smaller learning rate")
        return scores_BV

    return score
