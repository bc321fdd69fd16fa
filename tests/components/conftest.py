"""The tiny world's data as the data steps hand it on, made by the steps themselves; and a room with a registry."""

import json
from pathlib import Path

import git
import pytest

from adrec import config
from components import ingest
from components.registry import datasets
from components.validate import step as validate
from components.version import step as version

SUMMARY = {"passed": True, "rows": 3, "users": 2, "items": 1, "first": "2024-01-01", "last": "2024-02-01"}


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


class Room:
    """A folder with a registry to which contents can be given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = folder / "registry"
        self.section = config.Version(name="interactions", registry=str(self.registry), remote=str(folder / "remote"))
        (folder / "validation").mkdir()
        self.validate(passed=True)

    def validate(self, *, passed: bool) -> None:
        """Write the outcome of a validation."""
        text = json.dumps({**SUMMARY, "passed": passed, "refusal": "" if passed else "there are too few"})
        (self.folder / "validation" / "validation.json").write_text(text)

    def add(self, content: bytes) -> dict:
        """Version the content; gives what `versioned` says."""
        (self.folder / "data").write_bytes(content)
        data_hash = version.run(
            interactions=self.folder / "data",
            validation=self.folder / "validation",
            version=self.section,
            versioned=self.folder / "versioned.json",
        )
        about = json.loads((self.folder / "versioned.json").read_text())
        assert about["data_hash"] == data_hash
        return about

    def get(self, tag: str) -> bytes:
        """The bytes of a version."""
        (self.folder / "back").unlink(missing_ok=True)
        datasets.get(tag, self.section, self.folder / "back")
        return (self.folder / "back").read_bytes()

    def hook(self, script: str, name: str = "pre-receive") -> Path:
        """Let the registry run `script` before it takes a push, or with `update` before each reference of it."""
        path = self.registry / "hooks" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def commits(self) -> int:
        """How many commits the registry has."""
        with git.Repo(self.registry) as repository:
            return len(list(repository.iter_commits()))


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    """A room on a machine without any git identity."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return Room(tmp_path)
