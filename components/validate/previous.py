"""The version of the data before this one, had back from the registry to be compared with."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from adrec import config
from components.registry import datasets
from components.registry import git as registry


class Previous(NamedTuple):
    """A version: its tag and where its bytes are."""

    tag: str
    path: Path


@contextmanager
def previous(interactions: Path, version: config.Version) -> Iterator[Previous | None]:
    """The newest version of other bytes than `interactions`; none where there is no such version yet.

    Raises:
        ValueError: the registry cannot be read, or the bytes of that version can no longer be had.
    """
    tag = _newest_other(interactions, version)
    if tag is None:
        yield None
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "previous.parquet"
        datasets.get(tag, version, path)
        yield Previous(tag, path)


def _newest_other(interactions: Path, version: config.Version) -> str | None:
    if not registry.is_url(version.registry) and not Path(version.registry).exists():
        return None
    with registry.cloned(version.registry) as clone:
        known = [each for each in registry.versions(clone) if each.name == version.name]
    own = datasets.md5(interactions)
    return next((each.tag for each in reversed(known) if each.data_hash != own), None)
