"""The maps of the files name every module, and only modules that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {"adrec": "model.md"} | dict.fromkeys(["components", "features", "pipelines", "serving"], "architecture.md")


def modules(room: str) -> set[str]:
    """The modules of the room, as paths without their ending."""
    paths = (ROOT / room).rglob("*.py")
    return {str(path.relative_to(ROOT / room).with_suffix("")) for path in paths if path.stem != "__init__"}


def mapped(room: str) -> set[str]:
    """What stands between backquotes in the first column of the room's map; `folder/` stands for all that is in it."""
    text = (ROOT / "docs" / ROOMS[room]).read_text()
    heading = "| file |" if room == "adrec" else f"| `{room}/` | |\n"
    rows = text[text.index(heading) :].split("\n\n")[0].splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


@pytest.mark.parametrize("room", ROOMS)
def test_every_module_is_in_the_map_of_its_room(room: str) -> None:
    names = mapped(room)
    folders = tuple(name for name in names if name.endswith("/"))
    assert {module for module in modules(room) if module not in names and not module.startswith(folders)} == set()


@pytest.mark.parametrize("room", ROOMS)
def test_a_map_names_only_modules_that_exist(room: str) -> None:
    assert {name for name in mapped(room) if not list((ROOT / room).glob(f"{name.rstrip('/')}*"))} == set()
