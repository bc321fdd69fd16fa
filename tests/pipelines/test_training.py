"""The training graph as Kubeflow gets it: what a cluster is asked for."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.runtime.steps import STEPS, TRAINING

# The graph is traced, and the environment read, when its module is imported.
PROGRAM = """
import sys
from kfp import compiler
from pipelines import training
compiler.Compiler().compile(training.training, sys.argv[1])
"""


def containers(folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """The container of each step of the package that is compiled in this environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ADREC_")}
    command = [sys.executable, "-c", PROGRAM, folder / "training.yaml"]
    subprocess.run(command, env=kept | environment, check=True)
    spec = next(yaml.safe_load_all((folder / "training.yaml").read_text()))
    executors = spec["deploymentSpec"]["executors"]
    return {name.removeprefix("exec-"): executor["container"] for name, executor in executors.items()}


@pytest.mark.parametrize(
    ("environment", "kind", "count"),
    [
        ({}, "nvidia.com/gpu", "1"),
        ({"ADREC_ACCELERATOR": "amd.com/gpu", "ADREC_ACCELERATOR_COUNT": "4"}, "amd.com/gpu", "4"),
    ],
)
def test_each_training_stage_asks_for_the_accelerators_and_starts_a_process_for_each(
    tmp_path: Path, environment: dict[str, str], kind: str, count: str
) -> None:
    found = containers(tmp_path, environment)
    assert set(STEPS) <= set(found)
    for step, container in found.items():
        asked = container["resources"].get("accelerator", {})
        variables = {variable["name"]: variable["value"] for variable in container.get("env", [])}
        wanted = (kind, count, count) if step in TRAINING else (None, None, None)
        assert (asked.get("resourceType"), asked.get("resourceCount"), variables.get("ADREC_PROCESSES")) == wanted, step
