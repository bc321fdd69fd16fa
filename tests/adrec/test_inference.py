"""A packaged model's answers."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adrec.data.catalogue import Catalogue
from adrec.data.dataset import Dataset
from adrec.inference import Recommender, write_model

ids = st.sampled_from([f"item-{n:05d}" for n in range(60)] + ["", "unknown", "0", "é"])


@pytest.fixture(scope="module")
def recommender(tiny_winner: Path) -> Recommender:
    return Recommender.load(tiny_winner)


@pytest.fixture(scope="module")
def denoising_model(tiny_run: Path, tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ADRec's model folder, whichever network won."""
    folder = tmp_path_factory.mktemp("models") / "finetuned"
    write_model(folder, tiny_run / "finetuned", Dataset.read(tiny_dataset))
    return folder


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ids, max_size=30), st.integers(1, 70), st.sets(ids, max_size=10), st.booleans())
def test_an_answer_holds_only_known_items_that_are_allowed_best_first(
    recommender: Recommender, history: list[str], k: int, exclude: set[str], exclude_seen: bool
) -> None:
    answer = recommender.recommend(history, k, exclude=exclude, exclude_seen=exclude_seen)
    barred = exclude | set(history) if exclude_seen else exclude
    assert not set(answer.items) & barred
    assert set(answer.items) <= set(recommender.catalogue.items)
    assert len(answer.items) == len(set(answer.items)) == len(answer.scores)
    assert len(answer.items) == min(k, len(set(recommender.catalogue.items) - barred))
    assert answer.scores == sorted(answer.scores, reverse=True)
    assert answer.unknown == [item for item in history if item not in recommender.catalogue.items]
    assert (answer.strategy == "sequence") == any(item in recommender.catalogue.items for item in history)


def test_the_same_request_gets_the_same_answer_from_the_model_loaded_again_too(denoising_model: Path) -> None:
    first, again = (Recommender.load(denoising_model) for _ in range(2))
    history = list(first.catalogue.items[:5])
    answer = first.recommend(history, 10)
    assert first.recommend(history, 10) == answer
    assert again.recommend(history, 10) == answer


def test_a_model_loaded_for_one_step_answers_by_one(denoising_model: Path) -> None:
    one, expected, all_steps = (Recommender.load(denoising_model, steps) for steps in (1, 0, 0))
    expected.network.in_steps(1)
    history = list(one.catalogue.items[:5])
    assert one.recommend(history, 10) == expected.recommend(history, 10)
    assert one.recommend(history, 10) != all_steps.recommend(history, 10)


def test_unknown_items_change_nothing_but_are_reported(recommender: Recommender) -> None:
    history = list(recommender.catalogue.items[:5])
    plain, mixed = recommender.recommend(history, 10), recommender.recommend([*history, "nobody-knows"], 10)
    assert mixed.unknown == ["nobody-knows"]
    assert mixed.items == plain.items


def test_only_the_most_recent_items_matter_to_the_model(recommender: Recommender) -> None:
    recent = list(recommender.catalogue.items[:12])  # max_length of the tiny world
    older = list(recommender.catalogue.items[12:20])
    assert (
        recommender.recommend(older + recent, 5, exclude_seen=False).items
        == recommender.recommend(recent, 5, exclude_seen=False).items
    )


def test_k_below_one_is_refused(recommender: Recommender) -> None:
    with pytest.raises(ValueError, match="k = -1"):
        recommender.recommend([], -1)


def test_a_catalogue_of_another_model_is_refused(tiny_winner: Path, tmp_path: Path) -> None:
    for file in tiny_winner.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    Catalogue(("other",)).write(tmp_path)
    with pytest.raises(ValueError, match="package the model again"):
        Recommender.load(tmp_path)
