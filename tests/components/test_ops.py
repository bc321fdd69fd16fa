"""The Kubeflow components: they take what the steps take, and bring nothing of their own."""

import inspect
from pathlib import Path

import pytest
from kfp.dsl.types import type_annotations

from components import ops
from components.runtime import steps

OPS = tuple(dict.fromkeys(["check", *steps.STEPS, *steps.REFRESH]))
AFTER_VERSION = OPS[OPS.index("version") + 1 :]


def cache_keys(step: str) -> set[str]:
    keys = {"code_revision"}
    keys |= {"source_key"} if step in ("ingest", "validate", "version") else set()
    keys |= {"reference_key"} if step == "evaluate" else set()
    return keys | ({"data_hash"} if step in AFTER_VERSION else set())


@pytest.mark.parametrize("step", OPS)
def test_a_component_takes_what_its_step_takes_and_cache_keys(step: str) -> None:
    taken = inspect.signature(getattr(ops, step).python_func).parameters
    expected = steps.parameters(step)
    shown = {"page"} if step == "validate" else set()  # of what the step wrote, for Kubeflow to show
    assert set(taken) == set(expected) | cache_keys(step) | shown
    for name, kind in expected.items():
        is_artifact = type_annotations.is_Input_Output_artifact_annotation(taken[name].annotation)
        assert is_artifact if kind is Path else taken[name].annotation is dict, name


def test_a_component_installs_nothing() -> None:
    for step in OPS:
        command = getattr(ops, step).component_spec.implementation.container.command
        assert not any("pip install" in part for part in command)


def test_annotations_are_no_strings() -> None:
    """Kubeflow takes string annotations of artifacts for plain parameters."""
    assert "from __future__ import annotations" not in inspect.getsource(ops)
