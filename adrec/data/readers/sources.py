"""Where the files of a source are: on this machine, or fetched one after the other from any fsspec filesystem."""

import glob
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec

PIECE = 2**20  # bytes hashed at a time


def files(source: str, sha256: str) -> Iterator[tuple[str, Path]]:
    """Each file's name and where it can be read until the next is asked for, in the order of the names.

    Raises:
        FileNotFoundError: there is none.
        ValueError: one is empty or cannot be fetched, or together their bytes do not have the hash `sha256`, if given.
    """
    places = _remote(source) if "://" in source else _here(source)
    digest = hashlib.sha256()
    for number, place in enumerate(places, start=1):
        with _local(place) as path:
            name = source if len(places) == 1 else str(getattr(place, "full_name", place))
            if not path.stat().st_size:
                raise ValueError(f"{name}: the file is empty")
            if sha256:
                _update(digest, path)
            if sha256 and number == len(places):  # before the last file, often the only one, is read
                _check(source, digest.hexdigest(), sha256)
            yield name, path


def _here(source: str) -> list[Any]:
    path = Path(source).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        raise FileNotFoundError(f"the source {source} is a folder, not a file: name its files, as in {source}/*")
    found = sorted(glob.glob(str(path), recursive=True)) if glob.has_magic(source) else []  # noqa: PTH207 (absolute)
    places = [Path(name) for name in found if Path(name).is_file()]
    if not places:
        raise FileNotFoundError(f"the source {source} does not exist")
    return places


def _remote(source: str) -> list[Any]:
    try:
        places = fsspec.open_files(source, "rb")
    except Exception as error:  # every filesystem behind fsspec has errors of its own
        raise ValueError(f"{source} cannot be read: {error or type(error).__name__}") from error
    if not places:
        raise FileNotFoundError(f"the source {source} does not exist or cannot be reached")
    return sorted(places, key=lambda place: str(place.path))


@contextmanager
def _local(place: Any) -> Iterator[Path]:
    """The file itself, or a temporary copy of a remote one."""
    if isinstance(place, Path):
        yield place
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "source"
        _fetch(place, copy)
        yield copy


def _fetch(place: Any, copy: Path) -> None:
    try:
        with place as remote, copy.open("wb") as local:
            shutil.copyfileobj(remote, local)
    except FileNotFoundError:
        raise FileNotFoundError(f"the source {place.full_name} does not exist or cannot be reached") from None
    except Exception as error:  # as above
        raise ValueError(f"{place.full_name} cannot be read: {error or type(error).__name__}") from error


def _update(digest: Any, path: Path) -> None:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)


def _check(source: str, found: str, sha256: str) -> None:
    if found != sha256:
        raise ValueError(f"{source} has SHA-256 {found}, not {sha256}: it is another or a damaged file")
