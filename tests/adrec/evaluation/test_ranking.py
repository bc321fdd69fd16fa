"""Full-ranking evaluation, block by block."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adrec.data.histories import Histories
from adrec.evaluation import ranking
from adrec.evaluation.metrics import overlap, per_user
from adrec.recommenders.popularity import count, popularity_scorer


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


@st.composite
def examples(draw: st.DrawFn) -> tuple[torch.Tensor, Histories, np.ndarray]:
    """Scores [U, V] with many ties, histories, and targets outside them."""
    users, items = draw(st.integers(1, 6)), draw(st.integers(3, 12))
    rows = draw(st.lists(st.lists(st.integers(0, 4), min_size=items, max_size=items), min_size=users, max_size=users))
    targets = np.array([draw(st.integers(1, items)) for _ in range(users)])
    seen = [draw(st.lists(st.integers(1, items).filter(lambda x, t=target: x != t), min_size=1)) for target in targets]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in seen])])
    flat = np.concatenate(seen).astype(np.int32)
    names = tuple(str(user) for user in range(users))
    return (
        torch.tensor(rows, dtype=torch.float32),
        Histories(names, flat, np.zeros(len(flat), np.int64), offsets),
        targets,
    )


@given(examples(), st.booleans(), st.integers(1, 15))
def test_counting_better_items_gives_the_metrics_of_the_top_k(
    asked: tuple[torch.Tensor, Histories, np.ndarray], exclude_history: bool, cutoff: int
) -> None:
    """The definition: HR is whether the target is in the first K of the sorted list, NDCG discounts its place."""
    scores, histories, targets = asked
    ranks, best = ranking.rank_and_recommend(
        lambda _, users: scores[torch.from_numpy(users)], histories, targets, exclude_history, cutoff
    )
    found = per_user(ranks, [cutoff])
    for user, (items, target) in enumerate(zip(histories, targets, strict=True)):
        barred = set(items.tolist()) if exclude_history else set()
        allowed = [item for item in range(1, scores.shape[1] + 1) if item not in barred]
        top = sorted(allowed, key=lambda item: -scores[user, item - 1].item())[:cutoff]  # stable: ties by number
        gain = 1 / np.log2(top.index(target) + 2) if target in top else 0.0
        assert found[f"HR@{cutoff}"][user] == (target in top)
        assert found[f"NDCG@{cutoff}"][user] == pytest.approx(gain)
        recommended = [item for item in (best[user] + 1).tolist() if item not in barred]
        assert sorted(scores[user, item - 1].item() for item in recommended) == sorted(
            scores[user, item - 1].item() for item in top
        )


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.data())
def test_the_best_are_a_stable_order_cut_at_k(scores: list[int], data: st.DataObject) -> None:
    scores_V = torch.tensor(scores, dtype=torch.float32)
    k = data.draw(st.integers(0, len(scores)))
    assert torch.equal(ranking.best(scores_V, k), scores_V.sort(descending=True, stable=True).indices[:k])


def test_recommenders_overlap_in_what_both_name_whatever_the_order() -> None:
    assert overlap(np.array([[1, 2], [3, 4]]), np.array([[2, 1], [5, 4]])).tolist() == [1.0, 0.5]


def test_histories_are_cut_to_the_most_recent_and_padded_on_the_right(histories: Histories) -> None:
    items, lengths = ranking.padded(histories, np.array([0, 1]), 2)
    assert items.tolist() == [[2, 3], [2, 0]]
    assert lengths.tolist() == [2, 1]
