"""Every version can be had back byte for byte, the same bytes are one version, and of two writers one wins."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
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
        (self.folder / "back").unlink(missing_ok=True)
        version.get(tag, self.section, self.folder / "back")
        return (self.folder / "back").read_bytes()

    def hook(self, script: str) -> Path:
        """Let the registry run `script` before it takes a push."""
        path = self.registry / "hooks" / "pre-receive"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

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
    with git.Repo(room.registry) as repository:
        kept = json.loads(repository.git.show("interactions-v1:interactions.json"))
    assert kept == {key: SUMMARY[key] for key in ("rows", "users", "items", "first", "last")}


def test_any_version_comes_back_from_the_remote_when_every_local_copy_is_gone(room: Room) -> None:
    contents = {room.add(content)["tag"]: content for content in (b"one", b"two" * 1000, b"three")}
    assert list(contents) == ["interactions-v1", "interactions-v2", "interactions-v3"]
    (room.folder / "data").unlink()
    shutil.rmtree(room.folder / "validation")
    left = {path.name for path in room.folder.iterdir()}
    assert left == {"registry", "remote", "versioned.json"}
    for tag, content in contents.items():
        assert room.get(tag) == content


def test_a_bare_repository_reached_by_a_url_is_a_registry(room: Room) -> None:
    room.registry = room.folder / "elsewhere.git"
    git.Repo.init(room.registry, bare=True, mkdir=True, initial_branch="trunk").close()
    room.section = replace(room.section, registry=f"file://{room.registry}")
    assert [room.add(content)["tag"] for content in (b"one", b"two")] == ["interactions-v1", "interactions-v2"]
    (room.folder / "data").unlink()
    assert [room.get(f"interactions-v{number}") for number in (2, 1)] == [b"two", b"one"]
    with git.Repo(room.registry) as repository:
        assert [branch.name for branch in repository.branches] == ["trunk"]
        assert repository.tags["interactions-v2"].commit == repository.branches["trunk"].commit


def test_dvc_itself_gets_a_version_from_the_registry(room: Room) -> None:
    room.add(b"one")
    room.add(b"two")
    command = [sys.executable, "-m", "dvc", "get", f"file://{room.registry}", "interactions.parquet"]
    subprocess.run([*command, "--rev", "interactions-v1"], cwd=room.folder, check=True, capture_output=True)
    assert (room.folder / "interactions.parquet").read_bytes() == b"one"


def test_the_same_bytes_are_one_version_also_after_others(room: Room) -> None:
    first = room.add(b"one")
    room.add(b"two")
    commits = room.commits()
    assert room.add(b"one") == first
    assert room.add(b"two")["tag"] == "interactions-v2"
    assert room.commits() == commits


def test_a_push_that_fails_leaves_no_version_and_is_completed_later(room: Room) -> None:
    room.add(b"one")
    commits = room.commits()
    hook = room.hook("echo closed for the night >&2; exit 1")
    with pytest.raises(
        ValueError, match=r"does not take interactions-v2: closed for the night; pre-receive hook declined"
    ):
        room.add(b"two")
    assert room.commits() == commits
    hook.unlink()
    assert room.add(b"two")["tag"] == "interactions-v2"
    assert room.get("interactions-v1") == b"one"
    assert room.get("interactions-v2") == b"two"


WRITER = """
import sys
from pathlib import Path
from adrec import config
from components import version
folder, data, registry = map(Path, sys.argv[1:])
section = config.Version(name="interactions", registry=str(registry), remote=str(folder / "remote"))
paths = {"validation": folder / "validation", "versioned": data.with_suffix(".json")}
try:
    version.run(interactions=data, version=section, **paths)
except ValueError as error:
    sys.exit(str(error))
"""
MEETING = """
touch "$ADREC_MEETING/$$"
while [ "$(ls "$ADREC_MEETING" | wc -l)" -lt 2 ]; do sleep 0.02; done
"""


def at_once(program: str, arguments: list[list[Path]], **environment: str) -> list[tuple[int, str]]:
    """Processes that run the program with these arguments; exit status and what was told, of each."""
    processes = []
    for words in arguments:
        command = [sys.executable, "-c", program, *map(str, words)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})
        processes.append(process)
    told = [process.communicate(timeout=120)[1] for process in processes]
    return [(process.returncode, text) for process, text in zip(processes, told, strict=True)]


def write_at_once(room: Room, contents: list[bytes]) -> list[tuple[int, str]]:
    """Two writers; where the registry is there, their pushes meet in it."""
    meeting = room.folder / "meeting"
    meeting.mkdir()
    hook = room.hook(MEETING) if room.registry.exists() else None
    files = [room.folder / f"writer-{number}" for number in range(len(contents))]
    for data, content in zip(files, contents, strict=True):
        data.write_bytes(content)
    outcomes = at_once(WRITER, [[room.folder, data, room.registry] for data in files], ADREC_MEETING=str(meeting))
    if hook:
        hook.unlink()
    return outcomes


def test_of_two_writers_at_once_one_wins_and_the_other_loses_nothing(room: Room) -> None:
    room.add(b"zero")
    contents = [b"mine", b"yours"]
    outcomes = write_at_once(room, contents)
    winner, loser = sorted(range(2), key=lambda number: outcomes[number][0])
    assert outcomes[winner][0] == 0
    assert outcomes[loser][0] == 1
    assert outcomes[loser][1].startswith("another writer was faster: interactions-v2 of the data registry is theirs")
    assert outcomes[loser][1].count("\n") == 1
    assert room.add(contents[loser])["tag"] == "interactions-v3"
    shutil.rmtree(room.folder / "validation")
    found = [room.get(f"interactions-v{number}") for number in (1, 2, 3)]
    assert found == [b"zero", contents[winner], contents[loser]]


def test_two_first_writers_share_one_registry(room: Room) -> None:
    contents = [b"mine", b"yours"]
    outcomes = write_at_once(room, contents)  # whether they meet is chance, what holds is not
    assert 0 in [status for status, _ in outcomes]
    assert all(told.startswith("another writer was faster") for status, told in outcomes if status)
    tags = [room.add(content)["tag"] for content in contents]
    assert sorted(tags) == ["interactions-v1", "interactions-v2"]
    assert [room.get(tag) for tag in tags] == contents


def test_two_readers_may_bring_a_version_to_the_same_place(room: Room) -> None:
    content = os.urandom(3_000_000)
    room.add(content)
    reader = (
        "import sys; from pathlib import Path; from adrec import config; from components import version\n"
        "section = config.Version(name='interactions', registry=sys.argv[1], remote=sys.argv[2])\n"
        "version.get('interactions-v1', section, Path(sys.argv[3]))"
    )
    words = [room.registry, room.folder / "remote", room.folder / "back"]
    assert at_once(reader, [words, words]) == [(0, ""), (0, "")]
    assert (room.folder / "back").read_bytes() == content
    assert not [path for path in room.folder.iterdir() if path.name.startswith(".back")]


def test_two_writers_of_the_same_bytes_agree_on_one_version(room: Room) -> None:
    room.add(b"zero")
    assert [status for status, _ in write_at_once(room, [b"same", b"same"])] == [0, 0]
    tags = [json.loads((room.folder / f"writer-{number}.json").read_text())["tag"] for number in range(2)]
    assert tags == ["interactions-v2", "interactions-v2"]
    assert room.commits() == 2


def test_a_lost_remote_is_filled_again(room: Room) -> None:
    room.add(b"one")
    shutil.rmtree(room.folder / "remote")
    room.add(b"one")
    assert room.get("interactions-v1") == b"one"


def test_versions_stay_where_they_were_pushed_when_the_remote_changes_or_moves(room: Room) -> None:
    room.add(b"one")
    room.section = replace(room.section, remote=str(room.folder / "remote-2"))
    room.add(b"two")
    (room.folder / "remote-2").rename(room.folder / "remote-3")
    room.section = replace(room.section, remote=str(room.folder / "remote-3"))
    assert [room.get("interactions-v1"), room.get("interactions-v2")] == [b"one", b"two"]


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
    shutil.rmtree(room.folder / "remote")
    before = sorted(room.folder.iterdir())
    with pytest.raises(ValueError, match="no remote has the bytes of interactions-v1 any more"):
        room.get("interactions-v1")
    assert sorted(room.folder.iterdir()) == before


def test_bytes_that_were_changed_in_the_remote_are_not_handed_out(room: Room) -> None:
    room.add(b"one")
    (stored,) = (path for path in (room.folder / "remote").rglob("*") if path.is_file())
    stored.chmod(0o644)
    stored.write_bytes(b"eno")
    with pytest.raises(ValueError, match="it has bytes of MD5"):
        room.get("interactions-v1")
    assert not (room.folder / "back").exists()


def test_getting_what_is_already_there_needs_no_remote(room: Room) -> None:
    room.add(b"one")
    shutil.rmtree(room.folder / "remote")
    version.get("interactions-v1", room.section, room.folder / "data")
    assert (room.folder / "data").read_bytes() == b"one"


def test_without_a_registry_there_is_nothing_to_get(room: Room) -> None:
    with pytest.raises(FileNotFoundError, match="there is no data registry at"):
        room.get("interactions-v1")


def test_a_folder_that_is_something_else_is_not_taken_for_a_registry(room: Room) -> None:
    room.registry.mkdir()
    (room.registry / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="is there, but no git repository"):
        room.add(b"one")
    assert [path.name for path in room.registry.iterdir()] == ["thesis.txt"]


def test_a_repository_with_files_checked_out_becomes_a_registry_as_told(room: Room) -> None:
    git.Repo.init(room.registry, mkdir=True).close()
    with pytest.raises(ValueError, match="has files checked out") as refused:
        room.add(b"one")
    subprocess.run(str(refused.value).split("`")[1].split(), check=True)
    assert room.add(b"one")["tag"] == "interactions-v1"
    assert room.get("interactions-v1") == b"one"


def test_a_url_that_leads_nowhere_is_told_without_its_password(room: Room) -> None:
    room.section = replace(room.section, registry=f"file://me:secret@localhost{room.folder}/nothing.git")
    with pytest.raises(ValueError, match=r"the data registry file://localhost.* cannot be read") as refused:
        room.add(b"one")
    assert "secret" not in str(refused.value)


def test_interactions_that_failed_validation_get_no_version(room: Room) -> None:
    room.validate(passed=False)
    with pytest.raises(ValueError, match="did not pass validation"):
        room.add(b"one")
    assert not room.registry.exists()
