"""`params.yaml` as a whole: it has every section, each is sound, and they go together."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from adrec import config


def read(path: Path) -> dict[str, Any]:
    """Read the YAML mapping of a `params.yaml`, unchecked.

    Raises:
        ValueError: the file is no YAML mapping.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise ValueError(f"{path} must hold one section per step ({', '.join(config.SECTIONS)})")
    return document


def check(document: Mapping[str, Any], where: str) -> dict[str, config.Section]:
    """Parse every section of a `params.yaml`'s `document`, which was found at `where`.

    Raises:
        ValueError: sections are unknown, missing or invalid, or do not go together; the message lists every fault.
    """
    faults = []
    for key in sorted(document.keys() ^ config.SECTIONS.keys(), key=str):
        state = "unknown" if key in document else "missing"
        faults.append(f"{where}: section {key!r} is {state}; the sections are {', '.join(config.SECTIONS)}")
    sections = {}
    for name, section in config.SECTIONS.items():
        try:
            if name in document:
                sections[name] = config.parse(section, document[name])
        except ValueError as error:
            faults.append(str(error))
    if not faults:  # sections that are sound, each by itself, may still not go together
        faults = [f"{where}: {fault}" for fault in cross_checks(**cast(Any, sections))]
    if faults:
        raise ValueError("; ".join(faults))
    return sections


def cross_checks(
    *,
    model: config.Model,
    evaluate: config.Evaluate,
    gate: config.Gate,
    publish: config.Publish,
    serve: config.Serve,
    **_: config.Section,
) -> Iterator[str]:
    """What is wrong between sections, each in one sentence: better said now than after hours of training."""
    if publish.max_length < model.max_length:
        yield (
            f"publish.max_length = {publish.max_length} must be at least model.max_length = {model.max_length}: "
            "the service would show the model less of a user than it was trained on"
        )
    for metric in sorted({*gate.minimum, *gate.margin, *gate.tolerance}):
        if int(metric.partition("@")[2]) not in evaluate.cutoffs:
            yield f"gate names {metric}, but evaluate.cutoffs = {evaluate.cutoffs} does not measure it"
    if serve.steps > model.diffusion_steps:
        yield f"serve.steps = {serve.steps} must be at most model.diffusion_steps = {model.diffusion_steps}"
    elif serve.steps not in (0, model.diffusion_steps, *evaluate.steps):
        yield f"serve.steps = {serve.steps} is not among evaluate.steps = {evaluate.steps}, which would measure it"


def load(path: Path) -> dict[str, config.Section]:
    """Read and check a `params.yaml`; raises as `read` and `check` do."""
    return check(read(path), str(path))
