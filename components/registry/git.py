"""The data registry: a git repository that says, for each version of the data, which bytes it is.

For each name it holds a DVC pointer (`<name>.parquet.dvc`) and a summary of what that points to (`<name>.json`);
version N of a name is the git tag `<name>-vN`. Nobody works in the registry itself: everybody reads and commits in a
clone of their own, and a commit arrives together with its tag or not at all. Of two writers at once, git takes one.
"""

import errno
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import git
import yaml

IDENTITY = git.Actor("adrec", "adrec@localhost")  # commits need no git identity of the machine
UNASKED = {"GIT_TERMINAL_PROMPT": "0"}  # a missing password is an error, not a question that nobody answers
BRANCH = "main"  # of a registry made here


@dataclass(frozen=True)
class Version:
    """A version as its tag shows it."""

    tag: str
    name: str
    number: int
    date: str
    data_hash: str
    summary: dict[str, Any]


def is_url(address: str) -> bool:
    """Whether an address is a URL or git's `user@host:path`, not a path of this machine."""
    return "://" in address or re.match(r"[\w.-]+@[\w.-]+:", address) is not None


def located(address: str) -> str:
    """The address as any folder may use it: a URL as it is, a path made absolute."""
    return address if is_url(address) else str(Path(address).absolute())


def create(address: str) -> None:
    """Make the registry if it is to be at a path where nothing is; a URL must lead to one.

    Raises:
        ValueError: something else is at the path.
    """
    path = Path(address)
    if is_url(address):
        return
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        _make(path)
    try:
        with git.Repo(path) as repository:
            bare = repository.bare
    except git.InvalidGitRepositoryError:
        raise ValueError(f"params: version.registry = {address!r} is there, but no git repository") from None
    if not bare:
        raise ValueError(
            f"params: version.registry = {address!r} has files checked out, so that git refuses to push to it:"
            f" `git -C {address} config core.bare true` makes it a registry"
        )


def _make(path: Path) -> None:
    """Make an empty registry, which appears whole; where another was faster, theirs stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        finished = Path(folder) / path.name
        git.Repo.init(finished, mkdir=True, bare=True, initial_branch=BRANCH).close()
        try:
            finished.rename(path)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise


@contextmanager
def cloned(address: str) -> Iterator[git.Repo]:
    """A clone of the registry in a temporary folder, with its newest state checked out.

    Raises:
        FileNotFoundError: there is nothing at the path.
        ValueError: git cannot read it.
    """
    if not is_url(address) and not Path(address).exists():
        raise FileNotFoundError(f"there is no data registry at {address}: run the version step")
    with tempfile.TemporaryDirectory(prefix="adrec-registry-") as folder:
        try:
            repository = git.Repo.clone_from(located(address), folder, env=UNASKED)
        except git.GitCommandError as error:
            raise ValueError(f"the data registry {shown(address)} cannot be read: {_reason(error)}") from None
        with repository:
            repository.git.update_environment(**UNASKED)
            yield repository


def versions(repository: git.Repo) -> list[Version]:
    """All versions, by name, oldest first; tags that name no version are passed over."""
    found = [_version(tag) for tag in repository.tags]
    return sorted((version for version in found if version), key=lambda version: (version.name, version.number))


def named(repository: git.Repo, tag: str, address: str) -> Version:
    """The version with this tag.

    Raises:
        ValueError: there is none.
    """
    known = {version.tag: version for version in versions(repository)}
    if tag not in known:
        names = ", ".join(known) or "none"
        raise ValueError(f"no version is called {tag!r}; the registry {shown(address)} has {names}")
    return known[tag]


def release(repository: git.Repo, name: str, data_hash: str, summary: dict[str, Any], settings: list[str]) -> str:
    """Commit the clone's pointer with its summary, and push commit and tag as the next version; gives the tag.

    Where another writer was faster with the same bytes, theirs is the version.

    Args:
        repository: the clone; the pointer lies in its working tree.
        name: the name of the data.
        data_hash: what the pointer points to.
        summary: kept beside the pointer.
        settings: further paths that belong into the commit.

    Raises:
        ValueError: another writer was faster with other bytes, or git refuses the push.
    """
    numbers = [version.number for version in versions(repository) if version.name == name]
    tag = f"{name}-v{max(numbers, default=0) + 1}"
    before = repository.head.commit if repository.head.is_valid() else None
    (Path(repository.working_dir) / f"{name}.json").write_text(json.dumps(summary, indent=2) + "\n")
    repository.git.add("--", *settings, ".gitignore", pointer(name), f"{name}.json")
    repository.index.commit(f"Add {tag}: {summary['rows']:,} rows", author=IDENTITY, committer=IDENTITY)
    branch = repository.head.reference.name
    try:
        repository.git.push("--atomic", "origin", f"HEAD:refs/heads/{branch}", f"HEAD:refs/tags/{tag}")
    except git.GitCommandError as error:
        repository.git.fetch("origin", "--tags")
        if theirs := tag_of(repository, name, data_hash):
            return theirs
        overtaken = [reference for reference in repository.remote().refs if reference.name == f"origin/{branch}"]
        if overtaken and overtaken[0].commit != before:
            raise ValueError(
                f"another writer was faster: {tag} of the data registry is theirs, which keeps what it had;"
                " your bytes are in the remote, and running the step again gives them the next version"
            ) from None
        raise ValueError(f"the data registry does not take {tag}: {_reason(error)}") from None
    return tag


def tag_of(repository: git.Repo, name: str, data_hash: str) -> str | None:
    """The tag of these bytes under this name, if they have one."""
    tags = [v.tag for v in versions(repository) if (v.name, v.data_hash) == (name, data_hash)]
    return tags[0] if tags else None


def pointer(name: str) -> str:
    """The file name of a DVC pointer."""
    return f"{name}.parquet.dvc"


def hash_in(text: str) -> str:
    """The MD5 that a DVC pointer holds."""
    return str(yaml.safe_load(text)["outs"][0]["md5"])


def shown(address: str) -> str:
    """The address without the password that a URL may hold."""
    return re.sub(r"://[^/@\s]*@", "://", address)


def _version(tag: git.TagReference) -> Version | None:
    match = re.fullmatch(r"(.+)-v(\d+)", tag.name)
    if not match:
        return None
    name, number = match[1], int(match[2])
    try:
        texts = [(tag.commit.tree / file).data_stream.read().decode() for file in (pointer(name), f"{name}.json")]
    except KeyError:
        return None
    date = tag.commit.committed_datetime.date().isoformat()
    return Version(tag.name, name, number, date, hash_in(texts[0]), json.loads(texts[1]))


def _reason(error: git.GitCommandError) -> str:
    """What git says went wrong, on one line: the registry's own words where it refused a push."""
    text = str(error.stderr)
    told = re.findall(r"remote: *(.*\S)|! \[.+\].*\((.+)\)", text) or re.findall(
        r"(?:fatal|error|ssh): *(.*\S)()", text
    )
    words = dict.fromkeys("".join(either).strip("'") for either in told)
    return shown("; ".join(words) or " ".join(text.split()))
