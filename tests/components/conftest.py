"""The tiny world's data as the data steps hand it on, made by the steps themselves."""

from pathlib import Path

import pytest

from adrec import config
from components import ingest, validate, version


@pytest.fixture(scope="session")
def data_steps(tiny: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what ingest, validate and version make of the tiny world."""
    folder = tmp_path_factory.mktemp("data-steps")
    registry = config.Version(name="interactions", registry=f"{folder}/registry", remote=f"{folder}/remote")
    interactions, validation = folder / "interactions.parquet", folder / "validation"
    ingest.run(ingest=tiny["ingest"], interactions=interactions, rejects=folder / "rejects.csv")
    validate.run(interactions=interactions, validate=tiny["validate"], version=registry, validation=validation)
    version.run(interactions=interactions, validation=validation, version=registry, versioned=folder / "versioned.json")
    return folder
