"""How Feast is opened on this repository, and what its definitions carry: with which settings they were published."""

import json
import os
import runpy
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from adrec.config import Publish, parse
from features.online import writer
from features.settings import REDIS_VARIABLE

if TYPE_CHECKING:
    from feast import FeatureStore

REPOSITORY = Path(__file__).parent
SETTINGS = "settings"  # the view's tag that holds the section `publish` of its time
MIN_RATING = "min_rating"  # the view's tag that holds `prepare.min_rating` of its time


def connect() -> "FeatureStore":
    """Feast on this repository: with SQLite online, or with Redis where ADREC_REDIS is set."""
    from feast import FeatureStore

    file = "redis.yaml" if os.environ.get(REDIS_VARIABLE) else "feature_store.yaml"
    feast = FeatureStore(repo_path=str(REPOSITORY), fs_yaml_file=REPOSITORY / file)
    _tell_readings_apart(feast.registry)
    return feast


def _tell_readings_apart(registry: Any) -> None:
    """Give each reading of the registry a version of its own.

    Feast keeps what it found in the last reading under its address in memory and its version, which a SQL registry
    leaves empty; a later one at the same address would then be answered from that of another store or time.
    """
    read = registry.proto

    def proto() -> Any:
        found = read()
        found.version_id = uuid4().hex
        return found

    registry.proto = proto
    registry.refresh()


def definitions(settings: Publish, min_rating: float | None) -> list[Any]:
    """The Feast objects of `definitions.py`, read afresh, as Feast's own command does: the folder may have changed."""
    from feast import Entity, FeatureService, FeatureView, PushSource

    kinds = (Entity, FeatureService, FeatureView, PushSource)
    found = runpy.run_path(str(REPOSITORY / "definitions.py"))
    view = found[writer.VIEW]
    view.ttl = timedelta(days=settings.ttl_days)
    view.tags = {SETTINGS: json.dumps(settings.as_dict()), MIN_RATING: json.dumps(min_rating)}
    return [item for item in found.values() if isinstance(item, kinds)]


def settings(feast: "FeatureStore") -> Publish | None:
    """The section `publish` of the last publication; None where there was none."""
    tags = feast.get_feature_view(writer.VIEW).tags
    return _parsed(tags[SETTINGS]) if SETTINGS in tags else None


def min_rating(feast: "FeatureStore") -> float | None:
    """From which rating on an interaction was published; None where nobody said so."""
    found: float | None = json.loads(feast.get_feature_view(writer.VIEW).tags.get(MIN_RATING, "null"))
    return found


@cache
def _parsed(settings: str) -> Publish:
    return parse(Publish, json.loads(settings))
