"""How do the bytes of a version get into and out of its DVC remote?

The data registry (`components/registry/git.py`) holds pointers and tags; the bytes are in a DVC remote. Equal bytes are
one version: a second attempt, also after a crash, finds or completes the first.
"""

import hashlib
import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

import git

from adrec import config
from components.registry import git as registry

REMOTE = "storage"  # the name, within the registry, of the remote that has its bytes
CONFIGURED = "configured"  # that of version.remote, which need not be where an old version was pushed to
# DVC's state stays within the clone; a file is moved, not copied, into the clone's cache.
LOCAL = """\
[core]
    analytics = false
    check_update = false
    site_cache_dir = {folder}/.dvc/tmp/site
[cache]
    type = "reflink,hardlink,copy"
['remote "{configured}"']
    url = {remote}
"""


def get(tag: str, version: config.Version, destination: Path) -> None:
    """Write the bytes of the version `tag` to `destination`, which stays as it is where it has them.

    Raises:
        FileNotFoundError: there is no registry.
        ValueError: no version has this tag, or its bytes can no longer be had.
    """
    with registry.cloned(version.registry) as clone:
        wanted = registry.named(clone, tag, version.registry)
        if destination.is_file() and md5(destination) == wanted.data_hash:
            return
        clone.git.checkout(tag)
        _configure(clone, version)
        destination.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{destination.name}-", dir=destination.parent) as folder:
            unfinished = Path(folder) / destination.name  # our own: another may bring the same version to this place
            _fetch(clone, wanted, unfinished)
            unfinished.replace(destination)


def _configure(clone: git.Repo, version: config.Version) -> None:
    """Write DVC's settings that hold for this clone alone."""
    text = LOCAL.format(folder=clone.working_dir, configured=CONFIGURED, remote=registry.located(version.remote))
    (Path(clone.working_dir) / ".dvc" / "config.local").write_text(text)


def push(clone: git.Repo, version: config.Version, interactions: Path) -> str:
    """Put the bytes under DVC in the clone and into the remote; gives their hash."""
    from dvc.exceptions import DvcException

    folder = Path(clone.working_dir)
    if not (folder / ".dvc" / "config").is_file():
        _dvc().init(str(folder)).close()
    _configure(clone, version)
    data = folder / f"{version.name}.parquet"
    shutil.copyfile(interactions, data)
    try:
        with _dvc()(str(folder)) as dvc:
            with dvc.config.edit("repo") as settings:
                settings["core"] |= {"remote": REMOTE}
                settings.setdefault("remote", {})[REMOTE] = {"url": registry.located(version.remote)}
            dvc.add(str(data))
            dvc.push(str(data))
    except (DvcException, ImportError) as error:  # a kind of storage may need a package that is not installed
        raise ValueError(f"the remote {registry.shown(version.remote)} does not take the bytes: {error}") from error
    return registry.hash_in((folder / registry.pointer(version.name)).read_text())


def _fetch(clone: git.Repo, wanted: registry.Version, destination: Path) -> None:
    """Stream the bytes from the remote that the version names, or else from the configured one."""
    import dvc.api
    from dvc.exceptions import DvcException

    reasons = []
    for remote in (REMOTE, CONFIGURED):
        try:
            with (
                dvc.api.open(f"{wanted.name}.parquet", clone.working_dir, remote=remote, mode="rb") as source,
                destination.open("wb") as file,
            ):
                shutil.copyfileobj(source, file)
        except (DvcException, ImportError, OSError) as error:
            reasons.append(str(error))
            continue
        found = md5(destination)
        if found == wanted.data_hash:
            return
        reasons.append(f"it has bytes of MD5 {found}, not {wanted.data_hash}")
    raise ValueError(f"no remote has the bytes of {wanted.tag} any more: {'; '.join(dict.fromkeys(reasons))}")


def md5(path: Path) -> str:
    """The MD5 of a file, which is what DVC names it by."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _dvc() -> Any:
    """DVC's repository class, which tells what it does unless asked not to."""
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.WARNING)
    return Repo
