"""The hash that stands for the code."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from components.runtime import code_revision as module
from components.runtime.code_revision import ROOT, code_revision, content_hash, files

ROOMS = ("adrec", "components", "features", "serving")  # what a step runs


def test_the_code_revision_is_the_same_wherever_the_code_lies_and_another_for_a_change_in_any_room(
    tmp_path: Path,
) -> None:
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "constraints.txt", tmp_path)
    program = [
        sys.executable,
        "-c",
        "from components.runtime import code_revision; print(code_revision.code_revision())",
    ]
    told = []
    for room in ("", *ROOMS):
        if room:
            (tmp_path / room / "__init__.py").open("a").write("# changed\n")
        told.append(subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip())
    assert re.fullmatch("[0-9a-f]{12}", told[0])
    assert told[0] == code_revision()
    assert len(set(told)) == 1 + len(ROOMS)


def test_the_hash_sees_names_and_contents_but_neither_order_nor_compiled_python(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "b.py").write_text("2")
    before = content_hash(tmp_path, files(tmp_path))
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("compiled")
    assert content_hash(tmp_path, reversed(files(tmp_path))) == before
    (tmp_path / "b.py").write_text("3")
    changed = content_hash(tmp_path, files(tmp_path))
    (tmp_path / "b.py").rename(tmp_path / "c.py")
    assert len({before, changed, content_hash(tmp_path, files(tmp_path))}) == 3


def test_other_packages_are_another_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for room in module.ROOMS:
        (tmp_path / room).mkdir()
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VERSIONS", tmp_path / "constraints.txt")
    revisions = set()
    for torch in ("2.13.0", "2.14.0"):
        (tmp_path / "constraints.txt").write_text(f"torch=={torch}\n")
        revisions.add(code_revision())
    assert len(revisions) == 2
