"""How a result comes to stand under its final name: whole or not at all.

A step that fails or is killed leaves at most a hidden temporary sibling, which the next attempt removes.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A temporary path to write to, which becomes `path` when the block ends well."""
    with _temporary(path) as temporary:
        yield temporary
        temporary.replace(path)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """An empty temporary folder to fill, which takes the place of `path` when the block ends well."""
    with _temporary(path) as temporary:
        temporary.mkdir()
        yield temporary
        _remove(path)
        temporary.replace(path)


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    temporary = path.with_name(f".{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove(temporary)
    try:
        yield temporary
    finally:
        _remove(temporary)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
