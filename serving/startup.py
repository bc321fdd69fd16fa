"""May the service start here? `python -m serving.startup '{labels}'` exits with 1 and one sentence where it may not.

A program of its own, because Feast takes some 350 MB, which the supervisor of the workers would hold for good.
"""

import json
import sys
from pathlib import Path

from adrec.data.catalogue import Catalogue
from features import store

MODEL = Path(__file__).resolve().parents[1] / "model"


def check(model: Path, labels: dict[str, str]) -> None:
    """Hold the model folder and the feature store against the Bento's labels.

    Raises:
        ValueError: the catalogue is another one, or the store lacks the feature service, or nothing was published.
        UnavailableError: the store cannot be read.
    """
    found = Catalogue.read(model).hash
    if found != labels["catalogue_hash"]:
        raise ValueError(
            f"the catalogue in {model} has the hash {found[:12]}, but the Bento's label names "
            f"{labels['catalogue_hash'][:12]}; package the model again"
        )
    opened = store.open_store(labels["feature_service"])
    store.settings_of(opened)
    store.popular(opened)


if __name__ == "__main__":
    try:
        check(MODEL, json.loads(sys.argv[1]))
    except (ValueError, OSError) as error:
        sys.exit(f"the service cannot start: {error}")
