"""Keep the validated interactions as a tagged version that can be had back, byte for byte, at any time.

The registry is a git repository that holds, for each name, a DVC pointer (`<name>.parquet.dvc`) and a summary
of what it points to (`<name>.json`); the bytes lie in a DVC remote. Version N of a name is the git tag
`<name>-vN`. Equal bytes have one version: a second attempt, also after a crash, finds or completes the first.
"""

import hashlib
import json
import logging
import re
import shutil
from pathlib import Path
from typing import Any

import git
import yaml

from adrec import config
from adrec.output import new_file

IDENTITY = git.Actor("adrec", "adrec@localhost")  # commits need no git identity of the machine
REMOTE = "storage"  # the remote's name within the registry
SETTINGS = (".dvc/config", ".dvc/.gitignore", ".dvcignore")
SUMMARY = ("rows", "users", "items", "first", "last")  # of the validation, kept beside the pointer


def run(*, interactions: Path, validation: Path, version: config.Version, versioned: Path) -> str:
    """Version the interactions, name the version in the JSON file `versioned`, and return the data hash.

    The data hash is DVC's: the MD5 of the file's bytes.

    Raises:
        ValueError: the interactions did not pass validation, or the registry's folder is something else.
    """
    summary = _validated(validation)
    with _registry(Path(version.registry), version.remote) as registry:
        data_hash = _push(registry, version.name, interactions)
        tag = _tags(registry, version.name).get(data_hash)
        if tag is None:
            tag = _release(registry, version.name, summary)
        else:
            registry.git.checkout("HEAD", "--", _pointer(version.name))  # it shows the newest version
    about = {"name": version.name, "tag": tag, "data_hash": data_hash, **summary}
    about |= {"registry": version.registry, "remote": version.remote}
    with new_file(versioned) as unfinished:
        unfinished.write_text(json.dumps(about, indent=2) + "\n")
    return data_hash


def get(tag: str, registry: Path, destination: Path) -> None:
    """Write the bytes of the version `tag` to `destination`, from the registry's cache or else its remote.

    Raises:
        FileNotFoundError: there is no registry.
        ValueError: no version has this tag, or its bytes can no longer be had.
    """
    with _open(registry) as repository:
        known = [reference.name for reference in repository.tags]
        if tag not in known:
            names = ", ".join(sorted(known)) or "none"
            raise ValueError(f"no version is called {tag!r}; the registry {registry} has {names}")
        name = tag.rpartition("-v")[0]
        data_hash = _hash_at(repository, tag, name)
    with new_file(destination) as unfinished:
        _fetch(registry, tag, name, unfinished)
        found = _md5(unfinished)
        if found != data_hash:
            raise ValueError(f"the bytes of {tag} have MD5 {found}, not {data_hash}: its remote is damaged")


def _validated(validation: Path) -> dict[str, Any]:
    found = json.loads((validation / "validation.json").read_text())
    if not found["passed"]:
        raise ValueError(f"the interactions did not pass validation: see {validation / 'report.html'}")
    return {key: found[key] for key in SUMMARY}


def _open(registry: Path) -> git.Repo:
    try:
        return git.Repo(registry)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError):
        raise FileNotFoundError(f"there is no data registry at {registry}: run the version step") from None


def _registry(registry: Path, remote: str) -> git.Repo:
    """The registry, made on first use, with its remote as configured."""
    if not (registry / ".git").is_dir():
        if registry.exists() and (not registry.is_dir() or any(registry.iterdir())):
            raise ValueError(f"params: version.registry = {str(registry)!r} is there, but no git repository")
        git.Repo.init(registry, mkdir=True, initial_branch="main").close()
    if not (registry / ".dvc" / "config").is_file():
        _dvc().init(str(registry)).close()
    with _dvc()(str(registry)) as dvc, dvc.config.edit("repo") as settings:
        settings["core"] |= {"remote": REMOTE, "analytics": False, "check_update": False}
        settings.setdefault("remote", {})[REMOTE] = {"url": remote}  # DVC makes a path relative to it
    repository = git.Repo(registry)
    _commit(repository, SETTINGS, f"Keep the bytes in {remote}")
    return repository


def _push(registry: git.Repo, name: str, interactions: Path) -> str:
    """Put the bytes into the working tree, under DVC, and into the remote; gives their hash."""
    folder = Path(registry.working_dir)
    data = folder / f"{name}.parquet"
    data.unlink(missing_ok=True)  # it may be a link into DVC's cache, which must not be written through
    shutil.copyfile(interactions, data)
    with _dvc()(str(folder)) as dvc:
        dvc.add(str(data))
        dvc.push(str(data))
    return _hash_in((folder / _pointer(name)).read_text())


def _release(registry: git.Repo, name: str, summary: dict[str, Any]) -> str:
    """Commit pointer and summary and tag them as the next version."""
    numbers = [int(tag.name.rpartition("-v")[2]) for tag in _named(registry, name)]
    tag = f"{name}-v{max(numbers, default=0) + 1}"
    (Path(registry.working_dir) / f"{name}.json").write_text(json.dumps(summary, indent=2) + "\n")
    _commit(registry, (".gitignore", _pointer(name), f"{name}.json"), f"Add {tag}: {summary['rows']:,} rows")
    registry.create_tag(tag)
    return tag


def _commit(registry: git.Repo, paths: tuple[str, ...], message: str) -> None:
    """Commit what differs in `paths` from the last commit, if anything does."""
    registry.git.add("--", *paths)
    if not registry.head.is_valid() or registry.index.diff("HEAD", paths=paths):
        registry.index.commit(message, author=IDENTITY, committer=IDENTITY)


def _named(registry: git.Repo, name: str) -> list[git.TagReference]:
    return [tag for tag in registry.tags if re.fullmatch(rf"{re.escape(name)}-v\d+", tag.name)]


def _tags(registry: git.Repo, name: str) -> dict[str, str]:
    """The tag of each data hash."""
    return {_hash_at(registry, tag.name, name): tag.name for tag in _named(registry, name)}


def _pointer(name: str) -> str:
    return f"{name}.parquet.dvc"


def _hash_at(registry: git.Repo, tag: str, name: str) -> str:
    return _hash_in(registry.git.show(f"{tag}:{_pointer(name)}"))


def _hash_in(pointer: str) -> str:
    return str(yaml.safe_load(pointer)["outs"][0]["md5"])


def _fetch(registry: Path, tag: str, name: str, destination: Path) -> None:
    import dvc.api
    from dvc.exceptions import DvcException

    path = f"{name}.parquet"
    try:
        with (
            dvc.api.open(path, str(registry), rev=tag, mode="rb") as source,
            destination.open("wb") as file,
        ):
            shutil.copyfileobj(source, file)
    except (DvcException, OSError) as error:
        raise ValueError(f"neither {registry} nor its remote has the bytes of {tag}: {error}") from error


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _dvc() -> Any:
    """DVC's repository class, which tells what it does unless asked not to."""
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.WARNING)
    return Repo
