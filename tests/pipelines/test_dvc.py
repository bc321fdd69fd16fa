"""`dvc repro` does what the local run does, to the byte, and no step without need."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.runtime.steps import STEPS
from tests.pipelines.conftest import Workplace

Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def place(workplace: Callable[[str], Workplace]) -> Workplace:
    place = workplace("dvc")
    assert place.command("git", "init", "--quiet").returncode == 0
    return place


@pytest.fixture(scope="module")
def first_repro(place: Workplace) -> Done:
    return place.command("dvc", "repro")


def steps_done(done: Done) -> set[str]:
    return set(re.findall(r"Running stage '(\w+)'", done.stdout))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_step_runs(place: Workplace, first_repro: Done) -> None:
    assert first_repro.returncode == 0, first_repro.stdout + first_repro.stderr
    assert steps_done(first_repro) == set(STEPS)
    assert (place.artifacts / "dvc" / "packaged" / "bento").is_dir()


def test_the_dataset_equals_the_local_run_s(
    place: Workplace, local: Workplace, first_repro: Done, first_run: Done
) -> None:
    assert first_repro.returncode == first_run.returncode == 0
    (dataset,) = local.artifacts.glob("runs/*/prepare/dataset")
    assert files(dataset) == files(place.artifacts / "dvc" / "dataset")


def test_a_second_repro_does_nothing(place: Workplace, first_repro: Done) -> None:
    assert first_repro.returncode == 0
    again = place.command("dvc", "repro")
    assert again.returncode == 0
    assert steps_done(again) == set()


def test_a_changed_stage_is_done_again_with_what_follows(
    place: Workplace, first_repro: Done, tiny_params: dict[str, Any]
) -> None:
    assert first_repro.returncode == 0
    place.write_params(tiny_params | {"finetune": tiny_params["finetune"] | {"learning_rate": 0.002}})
    assert steps_done(place.command("dvc", "repro")) == {"finetune", "evaluate", "gate", "package"}
