"""A workplace where the real pipeline runs on the tiny world: once by kfp's local runner, once by DVC."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from adrec import config

ROOT = Path(__file__).parents[2]
CODE = ("adrec", "components", "features", "pipelines", "serving")
EASY_GATE: dict[str, Any] = {"minimum": {}, "margin": {}, "tolerance": {}}


@dataclass(frozen=True)
class Workplace:
    """A folder with the code and parameters in it, where commands leave nothing elsewhere."""

    folder: Path

    @property
    def artifacts(self) -> Path:
        """What the runs leave."""
        return self.folder / "artifacts"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a fresh shell in which the project is set up."""
        unset = ("ADREC_IMAGE", "ADREC_FEATURES_DIR", "ADREC_PROGRESS_DIR", "BENTOML_HOME", "PYTHONPATH", "DVC_ROOT")
        kept = {name: value for name, value in os.environ.items() if name not in unset}
        programs = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        one_thread = {"OMP_NUM_THREADS": "1"}  # the tiny world is three times slower on two
        return {**kept, **one_thread, "PATH": programs, "BENTOML_HOME": str(self.artifacts / "bentoml")}

    def command(self, *command: str) -> subprocess.CompletedProcess[str]:
        """What the command said and how it ended."""
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=240
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A run of the pipeline."""
        return self.command(sys.executable, "-m", "pipelines", "run", *arguments)

    def write_params(self, params: dict[str, Any]) -> None:
        """Replace `params.yaml`."""
        (self.folder / "params.yaml").write_text(yaml.safe_dump(params))


@pytest.fixture(scope="session")
def tiny_params(tiny: dict[str, config.Section]) -> dict[str, Any]:
    """The tiny world's parameters with a gate that lets everything pass."""
    document = {name: section.as_dict() for name, section in tiny.items()}
    return document | {"gate": document["gate"] | EASY_GATE}


@pytest.fixture(scope="session")
def workplace(tiny_params: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Workplace]:
    """Makes a workplace of the given name."""

    def make(name: str) -> Workplace:
        place = Workplace(tmp_path_factory.mktemp(name))
        for room in CODE:
            shutil.copytree(ROOT / room, place.folder / room, ignore=shutil.ignore_patterns("__pycache__", "*.db"))
        shutil.copytree(ROOT / ".dvc", place.folder / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
        for file in ("constraints.txt", "dvc.yaml", ".dvcignore"):
            shutil.copy(ROOT / file, place.folder / file)
        place.write_params(tiny_params)
        return place

    return make


@pytest.fixture(scope="session")
def local(workplace: Callable[[str], Workplace]) -> Workplace:
    """Where the local runner works."""
    return workplace("local")


@pytest.fixture(scope="session")
def first_run(local: Workplace) -> subprocess.CompletedProcess[str]:
    """The first, accepted run there."""
    return local.run()
