"""Every version can be had back byte for byte, and the same bytes are one version."""

import json
import shutil
from pathlib import Path

import git
import pytest

from adrec import config
from components import version

SUMMARY = {"passed": True, "rows": 3, "users": 2, "items": 1, "first": "2024-01-01", "last": "2024-02-01"}


class Room:
    """A folder with a registry to which contents can be given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = folder / "registry"
        self.section = config.Version(name="interactions", registry=str(self.registry), remote=str(folder / "remote"))
        (folder / "validation").mkdir()
        self.validate(passed=True)

    def validate(self, *, passed: bool) -> None:
        """Write the outcome of a validation."""
        text = json.dumps({**SUMMARY, "passed": passed})
        (self.folder / "validation" / "validation.json").write_text(text)

    def add(self, content: bytes) -> dict:
        """Version the content; gives what `versioned` says."""
        (self.folder / "data").write_bytes(content)
        data_hash = version.run(
            interactions=self.folder / "data",
            validation=self.folder / "validation",
            version=self.section,
            versioned=self.folder / "versioned.json",
        )
        about = json.loads((self.folder / "versioned.json").read_text())
        assert about["data_hash"] == data_hash
        return about

    def get(self, tag: str) -> bytes:
        """The bytes of a version."""
        version.get(tag, self.registry, self.folder / "back")
        return (self.folder / "back").read_bytes()

    def commits(self) -> int:
        """How many commits the registry has."""
        with git.Repo(self.registry) as repository:
            return len(list(repository.iter_commits()))


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    """A room on a machine without any git identity."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return Room(tmp_path)


def test_a_version_says_what_it_is_and_where(room: Room) -> None:
    about = room.add(b"hello")
    assert about == {
        "name": "interactions",
        "tag": "interactions-v1",
        "data_hash": "5d41402abc4b2a76b9719d911017c592",  # the MD5 of hello
        "rows": 3, "users": 2, "items": 1, "first": "2024-01-01", "last": "2024-02-01",
        "registry": str(room.registry),
        "remote": str(room.folder / "remote"),
    }  # fmt: skip
    kept = json.loads((room.registry / "interactions.json").read_text())
    assert kept == {key: SUMMARY[key] for key in ("rows", "users", "items", "first", "last")}


def test_any_version_comes_back_from_the_remote_when_every_local_copy_is_gone(room: Room) -> None:
    contents = {room.add(content)["tag"]: content for content in (b"one", b"two" * 1000, b"three")}
    assert list(contents) == ["interactions-v1", "interactions-v2", "interactions-v3"]
    shutil.rmtree(room.registry / ".dvc" / "cache")
    (room.registry / "interactions.parquet").unlink()
    (room.folder / "data").unlink()
    for tag, content in contents.items():
        assert room.get(tag) == content


def test_the_same_bytes_are_one_version_also_after_others(room: Room) -> None:
    first = room.add(b"one")
    room.add(b"two")
    commits = room.commits()
    assert room.add(b"one") == first
    assert room.add(b"two")["tag"] == "interactions-v2"
    assert room.commits() == commits
    with git.Repo(room.registry) as repository:
        assert not repository.is_dirty(untracked_files=True)


def test_what_a_crash_left_untagged_or_uncommitted_is_completed(room: Room) -> None:
    room.add(b"one")
    room.add(b"two")
    with git.Repo(room.registry) as repository:
        repository.delete_tag("interactions-v2")
        commits = room.commits()
        assert room.add(b"two")["tag"] == "interactions-v2"
        assert room.commits() == commits
        repository.delete_tag("interactions-v2")
        repository.git.reset("HEAD~1")  # as if killed before the commit
        assert room.add(b"two")["tag"] == "interactions-v2"
        assert not repository.is_dirty(untracked_files=True)


def test_a_lost_remote_is_filled_again(room: Room) -> None:
    room.add(b"one")
    shutil.rmtree(room.folder / "remote")
    room.add(b"one")
    shutil.rmtree(room.registry / ".dvc" / "cache")
    assert room.get("interactions-v1") == b"one"


def test_several_names_share_a_registry(room: Room) -> None:
    room.add(b"one")
    room.section = config.Version(name="music", registry=room.section.registry, remote=room.section.remote)
    assert room.add(b"two")["tag"] == "music-v1"
    assert room.add(b"one")["tag"] == "music-v2"
    assert [room.get(tag) for tag in ("interactions-v1", "music-v1", "music-v2")] == [b"one", b"two", b"one"]


def test_an_unknown_tag_is_answered_with_the_known_ones(room: Room) -> None:
    room.add(b"one")
    with pytest.raises(ValueError, match=r"no version is called 'v7'; the registry .* has interactions-v1"):
        room.get("v7")
    assert not (room.folder / "back").exists()


def test_bytes_that_are_nowhere_any_more_leave_nothing_behind(room: Room) -> None:
    room.add(b"one")
    for lost in (room.folder / "remote", room.registry / ".dvc" / "cache"):
        shutil.rmtree(lost)
    with pytest.raises(ValueError, match="nor its remote has the bytes of interactions-v1"):
        room.get("interactions-v1")
    assert not (room.folder / "back").exists()


def test_without_a_registry_there_is_nothing_to_get(room: Room) -> None:
    with pytest.raises(FileNotFoundError, match="there is no data registry at"):
        room.get("interactions-v1")


def test_a_folder_that_is_something_else_is_not_taken_for_a_registry(room: Room) -> None:
    room.registry.mkdir()
    (room.registry / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="is there, but no git repository"):
        room.add(b"one")
    assert [path.name for path in room.registry.iterdir()] == ["thesis.txt"]


def test_interactions_that_failed_validation_get_no_version(room: Room) -> None:
    room.validate(passed=False)
    with pytest.raises(ValueError, match="did not pass validation"):
        room.add(b"one")
    assert not room.registry.exists()
