"""Full-ranking evaluation, block by block."""

import numpy as np
import pytest
import torch

from adrec import ranking
from adrec.baselines.popularity import count, popularity_scorer
from adrec.sequences import Histories


@pytest.fixture
def histories() -> Histories:
    return Histories(
        ("a", "b", "c"), np.array([1, 2, 3, 2, 1, 2], np.int32), np.zeros(6, np.int64), np.array([0, 3, 4, 6])
    )


def test_popularity_counts_interactions(histories: Histories) -> None:
    assert count(histories, 4).tolist() == [2, 3, 1, 0]


def test_excluding_the_history_lifts_the_target_over_seen_items(histories: Histories) -> None:
    scorer = popularity_scorer(count(histories, 4))
    targets = np.array([4, 1, 3])
    assert ranking.rank_targets(scorer, histories, targets, exclude_history=False).tolist() == [3, 1, 2]
    assert ranking.rank_targets(scorer, histories, targets, exclude_history=True).tolist() == [0, 0, 0]


def test_the_size_of_a_block_changes_no_rank(histories: Histories, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))

    def score(histories: Histories, users: np.ndarray) -> torch.Tensor:
        return scores[torch.from_numpy(users)]

    targets = np.array([4, 1, 3])
    whole = ranking.rank_targets(score, histories, targets, exclude_history=True)
    monkeypatch.setattr(ranking, "BLOCK", 1)
    assert (ranking.rank_targets(score, histories, targets, exclude_history=True) == whole).all()


def test_histories_are_cut_to_the_most_recent_and_padded_on_the_right(histories: Histories) -> None:
    items, lengths = ranking.padded(histories, np.array([0, 1]), 2)
    assert items.tolist() == [[2, 3], [2, 0]]
    assert lengths.tolist() == [2, 1]
