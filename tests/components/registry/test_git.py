"""Any git repository that takes pushes is a registry, and of two writers at once it takes one."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import git
import pytest

from components.registry import git as registry


def test_a_bare_repository_reached_by_a_url_is_a_registry(room: Any) -> None:
    room.registry = room.folder / "elsewhere.git"
    git.Repo.init(room.registry, bare=True, mkdir=True, initial_branch="trunk").close()
    room.section = replace(room.section, registry=f"file://{room.registry}")
    assert [room.add(content)["tag"] for content in (b"one", b"two")] == ["interactions-v1", "interactions-v2"]
    (room.folder / "data").unlink()
    assert [room.get(f"interactions-v{number}") for number in (2, 1)] == [b"two", b"one"]
    with git.Repo(room.registry) as repository:
        assert [branch.name for branch in repository.branches] == ["trunk"]
        assert repository.tags["interactions-v2"].commit == repository.branches["trunk"].commit


def test_a_push_that_fails_leaves_no_version_and_is_completed_later(room: Any) -> None:
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
from components.version import step as version
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


def write_at_once(room: Any, contents: list[bytes]) -> list[tuple[int, str]]:
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


def test_of_two_writers_at_once_one_wins_and_the_other_loses_nothing(room: Any) -> None:
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


def test_two_first_writers_share_one_registry(room: Any) -> None:
    contents = [b"mine", b"yours"]
    outcomes = write_at_once(room, contents)  # whether they meet is chance, what holds is not
    assert 0 in [status for status, _ in outcomes]
    assert all(told.startswith("another writer was faster") for status, told in outcomes if status)
    tags = [room.add(content)["tag"] for content in contents]
    assert sorted(tags) == ["interactions-v1", "interactions-v2"]
    assert [room.get(tag) for tag in tags] == contents


def test_two_readers_may_bring_a_version_to_the_same_place(room: Any) -> None:
    content = os.urandom(3_000_000)
    room.add(content)
    reader = (
        "import sys; from pathlib import Path; from adrec import config; from components.registry import datasets\n"
        "section = config.Version(name='interactions', registry=sys.argv[1], remote=sys.argv[2])\n"
        "datasets.get('interactions-v1', section, Path(sys.argv[3]))"
    )
    words = [room.registry, room.folder / "remote", room.folder / "back"]
    assert at_once(reader, [words, words]) == [(0, ""), (0, "")]
    assert (room.folder / "back").read_bytes() == content
    assert not [path for path in room.folder.iterdir() if path.name.startswith(".back")]


def test_two_writers_of_the_same_bytes_agree_on_one_version(room: Any) -> None:
    room.add(b"zero")
    assert [status for status, _ in write_at_once(room, [b"same", b"same"])] == [0, 0]
    tags = [json.loads((room.folder / f"writer-{number}.json").read_text())["tag"] for number in range(2)]
    assert tags == ["interactions-v2", "interactions-v2"]
    assert room.commits() == 2


def test_a_folder_that_is_something_else_is_not_taken_for_a_registry(room: Any) -> None:
    room.registry.mkdir()
    (room.registry / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="is there, but no git repository"):
        room.add(b"one")
    assert [path.name for path in room.registry.iterdir()] == ["thesis.txt"]


def test_a_repository_with_files_checked_out_becomes_a_registry_as_told(room: Any) -> None:
    git.Repo.init(room.registry, mkdir=True).close()
    with pytest.raises(ValueError, match="has files checked out") as refused:
        room.add(b"one")
    subprocess.run(str(refused.value).split("`")[1].split(), check=True)
    assert room.add(b"one")["tag"] == "interactions-v1"
    assert room.get("interactions-v1") == b"one"


def test_a_url_that_leads_nowhere_is_told_without_its_password(room: Any) -> None:
    room.section = replace(room.section, registry=f"file://me:secret@localhost{room.folder}/nothing.git")
    with pytest.raises(ValueError, match=r"the data registry file://localhost.* cannot be read") as refused:
        room.add(b"one")
    assert "secret" not in str(refused.value)


def test_the_tenth_version_comes_after_the_ninth(tmp_path: Path) -> None:
    with git.Repo.init(tmp_path) as repository:
        (tmp_path / registry.pointer("music")).write_text("outs:\n- md5: abc\n")
        (tmp_path / "music.json").write_text("{}")
        repository.index.add([registry.pointer("music"), "music.json"])
        commit = repository.index.commit("Add", author=registry.IDENTITY, committer=registry.IDENTITY)
        for number in range(1, 11):
            repository.create_tag(f"music-v{number}", ref=commit.hexsha)
        assert [version.number for version in registry.versions(repository)] == list(range(1, 11))


def test_a_commit_does_not_arrive_without_its_tag(room: Any) -> None:
    room.add(b"one")
    commits = room.commits()
    room.hook('case "$1" in refs/tags/*) echo no tags today >&2; exit 1;; esac', "update")
    with pytest.raises(ValueError, match="does not take interactions-v2: no tags today"):
        room.add(b"two")
    assert room.commits() == commits
