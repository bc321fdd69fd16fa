"""Which steps there are, what each takes, and how one is called by name.

A step is the function `run` of `components/<step>.py`, or of `components/<step>/step.py`. What it annotates as `Path`
is an artifact; what it annotates as a section of `params.yaml` is that section. The command line, DVC and Kubeflow call
the steps through here.
"""

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adrec import config
from components.runtime import processes, telemetry
from components.runtime.code_revision import ROOT

STEPS = (
    "ingest", "validate", "version", "prepare",
    "pretrain", "warmup", "finetune", "evaluate",
    "gate", "package", "publish",
)  # fmt: skip
TRAINING = ("pretrain", "warmup", "finetune")  # what several processes may share
REFRESH = ("ingest", "validate", "version", "append", "republish")  # of the feature store, by new events
KNOWN = tuple(dict.fromkeys(["check", *STEPS, *REFRESH, "drift"]))
# What a user can fix is reported in one sentence; every other error is a defect.
USER_ERRORS = (ValueError, OSError, FloatingPointError)


def function(step: str) -> Callable[..., Any]:
    """The `run` of `step`; its packages are loaded only now, and quietly."""
    assert step in KNOWN, f"no step is called {step}"
    telemetry.disable()
    return importlib.import_module(module(step)).run


def module(step: str) -> str:
    """The module of `step`: a file, or `step` in a folder of its name."""
    path = ROOT / "components" / step
    return f"components.{step}.step" if path.is_dir() else f"components.{step}"


def parameters(step: str) -> dict[str, type]:
    """Names of what `step` takes, in order, each with `Path` or its section."""
    signature = inspect.signature(function(step), eval_str=True)
    return {name: parameter.annotation for name, parameter in signature.parameters.items()}


def artifacts(step: str) -> list[str]:
    """Names of the paths that `step` takes."""
    return [name for name, kind in parameters(step).items() if kind is Path]


def sections(step: str) -> list[str]:
    """Names of the sections of `params.yaml` that `step` takes."""
    return [name for name, kind in parameters(step).items() if kind is not Path]


def call(step: str, **values: Any) -> Any:
    """Run `step` with the text of paths and the plain values of sections, and return what it returns.

    Raises:
        ValueError: a section does not parse, or the step refuses its input.
        FloatingPointError: training diverges.
    """
    kinds = parameters(step)
    if step in TRAINING and processes.count() > 1:
        return processes.call(step, values)
    checked = {name: _checked(kinds[name], value) for name, value in values.items()}
    return function(step)(**checked)


def sentence(error: Exception) -> str:
    """What one of `USER_ERRORS` is told as."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror[0].lower()}{error.strerror[1:]}"
    return str(error)


def _checked(kind: type, value: Any) -> Any:
    return Path(value) if kind is Path else config.parse(kind, value)
