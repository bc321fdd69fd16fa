"""Where the service may start and where it may not."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from adrec.config.params import load
from adrec.data.catalogue import Catalogue
from features import feast_repo, store
from features.online import writer
from serving import startup

PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder with a catalogue, beside a store to which nothing was published."""
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(tmp_path / "features"))
    Catalogue(("a", "b")).write(tmp_path)
    return tmp_path


def labels(items: tuple[str, ...] = ("a", "b"), service: str = store.SERVICE) -> dict[str, str]:
    return {"catalogue_hash": Catalogue(items).hash, "feature_service": service}


def test_the_service_may_start_where_everything_is_as_labelled(model: Path) -> None:
    interaction = {"user_id": ["ann"], "item_id": ["a"], "timestamp": [datetime.now(UTC)]}
    store.publish(pl.DataFrame(interaction), load(PARAMS)["publish"])
    startup.check(model, labels())
    with pytest.raises(ValueError, match="has no feature service 'recommender_v2'"):
        startup.check(model, labels(service="recommender_v2"))


def test_a_store_that_cannot_be_read_is_refused(model: Path) -> None:
    interaction = {"user_id": ["ann"], "item_id": ["a"], "timestamp": [datetime.now(UTC)]}
    store.publish(pl.DataFrame(interaction), load(PARAMS)["publish"])
    (model / "features" / "online.db").unlink()
    with pytest.raises(OSError, match="the feature store does not answer: no such table"):
        startup.check(model, labels())


def test_a_store_to_which_nothing_was_published_is_refused(model: Path) -> None:
    (model / "features").mkdir()
    objects = feast_repo.definitions(load(PARAMS)["publish"], None)
    for view in (view for view in objects if view.name == writer.VIEW):
        view.tags = {}
    feast_repo.connect().apply(objects)
    with pytest.raises(ValueError, match="nothing was published"):
        startup.check(model, labels())


def test_another_catalogue_is_refused(model: Path) -> None:
    with pytest.raises(ValueError, match=r"the catalogue in .* package the model again"):
        startup.check(model, labels(("b", "a")))


def test_a_missing_store_is_refused(model: Path) -> None:
    with pytest.raises(ValueError, match="there is no feature store"):
        startup.check(model, labels())
