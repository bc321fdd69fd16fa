"""Which code this is: one short hash that changes with any source of the steps and the versions of what they import."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = ROOT / "constraints.txt"
ROOMS = ("adrec", "components", "features", "serving")


def code_revision() -> str:
    """Twelve hexadecimal digits over all sources of the rooms and the versions of the packages."""
    return content_hash(ROOT, [VERSIONS, *(path for room in ROOMS for path in files(ROOT / room))])[:12]


def files(folder: Path) -> list[Path]:
    """All files below `folder` but compiled Python."""
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def content_hash(root: Path, paths: Iterable[Path]) -> str:
    """SHA-256 over the files' names below `root` and their bytes, whatever the order of `paths`."""
    named = sorted((path.relative_to(root).as_posix(), path) for path in paths)
    digest = hashlib.sha256()
    for name, path in named:
        digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
