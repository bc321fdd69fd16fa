"""The examples in docstrings say what is so."""

import doctest
import importlib
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("adrec", "benchmarks", "components", "features", "pipelines", "serving")
EXAMPLES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for room in ROOMS
    for path in sorted((ROOT / room).rglob("*.py"))
    if ">>>" in path.read_text()
]


@pytest.mark.parametrize("module", EXAMPLES)
def test_every_example_gives_what_it_shows(module: str) -> None:
    outcome = doctest.testmod(importlib.import_module(module))
    assert outcome.attempted > 0
    assert outcome.failed == 0  # pytest shows what doctest printed


def test_every_room_is_read() -> None:
    checked = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["packages"]
    assert set(ROOMS) == set(checked)
    assert EXAMPLES
