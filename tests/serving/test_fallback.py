"""What an unknown user gets: what is popular now, as far as the model knows it."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import torch

from adrec import config
from adrec.config.params import load
from adrec.data.catalogue import Catalogue
from adrec.inference import Recommender
from features import store
from serving.fallback import Fallback, popularity

PARAMS = Path(__file__).parents[2] / "params.yaml"
NOW = datetime(2024, 6, 1, tzinfo=UTC)
CATALOGUE = Catalogue(("a", "b", "c", "d"))


def test_the_ranking_comes_first_and_then_the_packaged_order() -> None:
    packaged_V = torch.tensor([9.0, 1.0, 5.0, 7.0])
    scores_V = popularity(packaged_V, CATALOGUE, [("c", 3.5), ("no such item", 2.0), ("b", 0.25)])
    order = [CATALOGUE.items[index] for index in scores_V.argsort(descending=True)]
    assert order == ["c", "b", "a", "d"]
    assert (scores_V[[2, 1]] >= 1).all()
    assert (scores_V[[0, 3]] < 1).all()
    assert packaged_V.tolist() == [9, 1, 5, 7], "the packaged popularity stays as it is"


@pytest.mark.parametrize("scores", [(1.0, 1e-268, 1e-300), (1e300, 1.0, 1e-12), (1.0, 1.0, 0.0), (0.0, 0.0, 0.0)])
def test_the_order_of_the_ranking_stays_however_far_apart_its_scores_are(scores: tuple[float, ...]) -> None:
    scores_V = popularity(torch.tensor([9.0, 1.0, 5.0, 7.0]), CATALOGUE, list(zip("cbd", scores, strict=True)))
    assert [CATALOGUE.items[index] for index in scores_V.argsort(descending=True)] == ["c", "b", "d", "a"]
    assert scores_V.unique().numel() == 4


@pytest.mark.parametrize("ranked", [[], [("no such item", 2.0)]])
def test_without_a_ranking_that_the_model_knows_the_packaged_one_counts(ranked: list[tuple[str, float]]) -> None:
    packaged_V = torch.tensor([9.0, 1.0, 5.0, 7.0])
    assert popularity(packaged_V, CATALOGUE, ranked) is packaged_V


@pytest.fixture
def model(tiny_winner: Path) -> Recommender:
    return Recommender.load(tiny_winner)


def published(model: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The item that became popular lately in a store of its own; the model likes it least."""
    rising = model.recommend([], len(model.catalogue)).items[-1]
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(tmp_path / "features"))
    former = [("old", item, NOW - timedelta(days=300)) for item in model.catalogue.items for _ in range(2)]
    lately = [(f"user {n}", rising, NOW) for n in range(3)]
    rows = pl.DataFrame([*former, *lately], schema=["user_id", "item_id", "timestamp"], orient="row")
    section = load(PARAMS)["publish"]
    assert isinstance(section, config.Publish)
    store.publish(rows, section)
    return rising


def test_an_unknown_user_gets_what_became_popular_lately(
    model: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rising = published(model, tmp_path, monkeypatch)
    fallback = Fallback(model, store.open_store())
    assert fallback.model().recommend([], 1).items == [rising]
    history = list(model.catalogue.items[:5])
    assert fallback.model().recommend(history, 5) == model.recommend(history, 5), "a known history is the model's"


def test_the_last_ranking_stays_where_the_next_cannot_be_read_and_only_one_request_a_minute_tries(
    model: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rising = published(model, tmp_path, monkeypatch)
    fallback = Fallback(model, store.open_store())
    assert fallback.model().recommend([], 1).items == [rising]
    (tmp_path / "features" / "online.db").unlink()
    fallback._store = store.open_store()
    fallback._until = 0.0
    assert fallback.due
    assert fallback.model().recommend([], 1).items == [rising]
    assert not fallback.due


def test_without_any_ranking_the_packaged_one_counts(
    model: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(model, tmp_path, monkeypatch)
    (tmp_path / "features" / "online.db").unlink()
    assert Fallback(model, store.open_store()).model().recommend([], 5) == model.recommend([], 5)


def test_another_publication_is_seen_within_a_minute(
    model: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(tmp_path / "features"))
    section = load(PARAMS)["publish"]
    assert isinstance(section, config.Publish)
    first, next_ = model.catalogue.items[:2]
    monotonic, later = time.monotonic, {"seconds": 0}
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + later["seconds"])

    def publish(item: str) -> None:
        store.publish(pl.DataFrame({"user_id": ["ann"], "item_id": [item], "timestamp": [NOW]}), section)

    publish(first)
    fallback = Fallback(model, store.open_store())
    assert fallback.model().recommend([], 1).items == [first]
    publish(next_)
    later["seconds"] = 61
    assert fallback.model().recommend([], 1).items == [next_]
