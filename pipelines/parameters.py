"""The parameters of a run: those of a file, with what the command line says in their place, checked as a whole."""

import argparse
from pathlib import Path
from typing import Any

import yaml

from adrec.config import params as parameter_file


def parser(module: str, description: str) -> argparse.ArgumentParser:
    """What may be said of the parameters on the command line of `module`."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description.splitlines()[0])
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="the parameters (params.yaml)")
    parser.add_argument("--source", help="for ingest.source: demo, a path or a URL")
    parser.add_argument("--format", help="for ingest.format")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="any one parameter")
    return parser


def read(options: argparse.Namespace) -> dict[str, Any]:
    """The checked sections: those of the file, with what the command line says in their place.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: one is unknown, of the wrong type or out of bounds, or two do not go together.
    """
    document = parameter_file.read(options.params)
    shorthands = {"ingest.source": options.source, "ingest.format": options.format}
    for name, value in shorthands.items():
        if value:
            override(document, name, value)
    for assignment in options.set:
        override(document, *parse(assignment))
    return dict(parameter_file.check(document, str(options.params)))


def plain(sections: dict[str, Any]) -> dict[str, Any]:
    """The sections as Kubeflow takes them."""
    return {name: section.as_dict() for name, section in sections.items()}


def parse(assignment: str) -> tuple[str, Any]:
    """The name and the YAML value of section.key=value."""
    name, equals, text = assignment.partition("=")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        equals = ""
    if not equals:
        raise ValueError(f"--set {assignment}: write it as section.key=value, the value in YAML")
    return name, value


def override(document: dict[str, Any], name: str, value: Any) -> None:
    """Put `value` in the place of section.key (or a key below) in `document`, which is checked as a whole later."""
    *path, last = name.split(".")
    place: Any = document
    for key in path:
        place = place.get(key) if isinstance(place, dict) else None
    if not path or not isinstance(place, dict):
        raise ValueError(f"--set {name}: name it as section.key; the sections are {', '.join(document)}")
    place[last] = value
