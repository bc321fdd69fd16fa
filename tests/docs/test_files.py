"""The maps of the files name every file that there is, and none besides."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {"adrec": "model.md"} | dict.fromkeys(["components", "features", "pipelines", "serving"], "architecture.md")


def modules(room: str) -> set[str]:
    """The names of the room's modules; a folder of them counts as one, with a slash."""
    files = {path.stem for path in (ROOT / room).glob("*.py")} - {"__init__"}
    return files | {f"{path.parent.name}/" for path in (ROOT / room).glob("*/__init__.py")}


def mapped(room: str) -> set[str]:
    """What stands between backquotes in the first column of the room's map."""
    text = (ROOT / "docs" / ROOMS[room]).read_text()
    heading = "| file |" if room == "adrec" else f"| `{room}/` | |\n"
    rows = text[text.index(heading) :].split("\n\n")[0].splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


@pytest.mark.parametrize("room", ROOMS)
def test_every_module_stands_in_the_map_of_its_room(room: str) -> None:
    assert {name.rstrip("/") for name in modules(room)} - {name.rstrip("/") for name in mapped(room)} == set()


@pytest.mark.parametrize("room", ROOMS)
def test_a_map_names_no_file_that_is_gone(room: str) -> None:
    gone = {name for name in mapped(room) if not list((ROOT / room).glob(f"{name.rstrip('/')}*"))}
    assert gone == set()
