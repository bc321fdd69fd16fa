"""The version of the data before this one, had back from the registry to be compared with."""

import filecmp
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import git

from adrec import config
from components import version as registry


class Previous(NamedTuple):
    """A version: its tag and where its bytes are."""

    tag: str
    path: Path


@contextmanager
def previous(interactions: Path, version: config.Version) -> Iterator[Previous | None]:
    """The newest version of other bytes than `interactions`; none where there is no such version yet.

    Raises:
        ValueError: the bytes of that version can no longer be had.
    """
    with TemporaryDirectory() as folder:
        for tag in _newest_first(version):
            path = Path(folder) / "previous.parquet"
            registry.get(tag, Path(version.registry), path)
            if not _equal(path, interactions):
                yield Previous(tag, path)
                return
        yield None


def _newest_first(version: config.Version) -> list[str]:
    if not (Path(version.registry) / ".git").is_dir():
        return []
    with git.Repo(version.registry) as repository:
        tags = [tag.name for tag in repository.tags if re.fullmatch(rf"{version.name}-v\d+", tag.name)]
    return sorted(tags, key=lambda tag: int(tag.rpartition("-v")[2]), reverse=True)


def _equal(one: Path, other: Path) -> bool:
    return filecmp.cmp(one, other, shallow=False)
