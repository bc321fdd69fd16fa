"""A result stands under its final name whole, or not at all."""

from pathlib import Path

import pytest

from adrec.files import new_file, new_folder


def test_a_file_appears_when_its_block_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    with new_file(path) as unfinished:
        unfinished.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for name in ("first", "second"):
        with new_folder(path) as unfinished:
            (unfinished / name).touch()
    assert [child.name for child in path.iterdir()] == ["second"]


@pytest.mark.parametrize("new", [new_file, new_folder])
def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path, new) -> None:
    path = tmp_path / "result"
    path.write_text("before")
    with pytest.raises(RuntimeError), new(path):
        raise RuntimeError
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_attempt_left_does_not_mix_with_the_next(tmp_path: Path) -> None:
    killed = new_folder(tmp_path / "folder")
    (killed.__enter__() / "stale").touch()
    with new_folder(tmp_path / "folder") as unfinished:
        assert list(unfinished.iterdir()) == []
