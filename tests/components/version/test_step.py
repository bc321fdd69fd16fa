"""Every version can be had back byte for byte, wherever its bytes lie, and the same bytes are one version."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

import git
import pytest

from adrec import config
from components.registry import datasets


def test_a_version_says_what_it_is_and_where(room: Any) -> None:
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
    assert kept == {key: about[key] for key in ("rows", "users", "items", "first", "last")}


def test_any_version_comes_back_from_the_remote_when_every_local_copy_is_gone(room: Any) -> None:
    contents = {room.add(content)["tag"]: content for content in (b"one", b"two" * 1000, b"three")}
    assert list(contents) == ["interactions-v1", "interactions-v2", "interactions-v3"]
    (room.folder / "data").unlink()
    shutil.rmtree(room.folder / "validation")
    left = {path.name for path in room.folder.iterdir()}
    assert left == {"registry", "remote", "versioned.json"}
    for tag, content in contents.items():
        assert room.get(tag) == content


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[str]:
    """The address of a storage server of this machine: it keeps what is posted and hands it out."""

    class Storage(SimpleHTTPRequestHandler):
        def do_POST(self) -> None:
            path = Path(self.translate_path(self.path))
            path.parent.mkdir(parents=True, exist_ok=True)
            body = b""
            while size := int(self.rfile.readline(), 16):  # DVC sends in chunks
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            path.write_bytes(body)
            self.send_response(201)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words: object) -> None:
            pass

    folder = tmp_path / "server"
    folder.mkdir()
    with ThreadingHTTPServer(("localhost", 0), partial(Storage, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/versions"
        server.shutdown()


def test_the_bytes_may_lie_on_a_server(room: Any, storage: str) -> None:
    room.section = replace(room.section, remote=storage)
    contents = [b"one" * 100_000, b"two"]
    assert [room.add(content)["tag"] for content in contents] == ["interactions-v1", "interactions-v2"]
    (room.folder / "data").unlink()
    assert [room.get("interactions-v1"), room.get("interactions-v2")] == contents
    assert {path.name for path in room.folder.iterdir()} <= {
        "registry",
        "validation",
        "versioned.json",
        "back",
        "server",
    }


def test_dvc_itself_gets_a_version_from_the_registry(room: Any) -> None:
    room.add(b"one")
    room.add(b"two")
    command = [sys.executable, "-m", "dvc", "get", f"file://{room.registry}", "interactions.parquet"]
    subprocess.run([*command, "--rev", "interactions-v1"], cwd=room.folder, check=True, capture_output=True)
    assert (room.folder / "interactions.parquet").read_bytes() == b"one"


def test_the_same_bytes_are_one_version_also_after_others(room: Any) -> None:
    first = room.add(b"one")
    room.add(b"two")
    commits = room.commits()
    assert room.add(b"one") == first
    assert room.add(b"two")["tag"] == "interactions-v2"
    assert room.commits() == commits


def test_a_lost_remote_is_filled_again(room: Any) -> None:
    room.add(b"one")
    shutil.rmtree(room.folder / "remote")
    room.add(b"one")
    assert room.get("interactions-v1") == b"one"


def test_versions_stay_where_they_were_pushed_when_the_remote_changes_or_moves(room: Any) -> None:
    room.add(b"one")
    room.section = replace(room.section, remote=str(room.folder / "remote-2"))
    room.add(b"two")
    (room.folder / "remote-2").rename(room.folder / "remote-3")
    room.section = replace(room.section, remote=str(room.folder / "remote-3"))
    assert [room.get("interactions-v1"), room.get("interactions-v2")] == [b"one", b"two"]


def test_several_names_share_a_registry(room: Any) -> None:
    room.add(b"one")
    room.section = config.Version(name="music", registry=room.section.registry, remote=room.section.remote)
    assert room.add(b"two")["tag"] == "music-v1"
    assert room.add(b"one")["tag"] == "music-v2"
    assert [room.get(tag) for tag in ("interactions-v1", "music-v1", "music-v2")] == [b"one", b"two", b"one"]


def test_an_unknown_tag_is_answered_with_the_known_ones(room: Any) -> None:
    room.add(b"one")
    with pytest.raises(ValueError, match=r"no version is called 'v7'; the registry .* has interactions-v1"):
        room.get("v7")
    assert not (room.folder / "back").exists()


def test_bytes_that_are_nowhere_any_more_leave_nothing_behind(room: Any) -> None:
    room.add(b"one")
    shutil.rmtree(room.folder / "remote")
    before = sorted(room.folder.iterdir())
    with pytest.raises(ValueError, match="no remote has the bytes of interactions-v1 any more"):
        room.get("interactions-v1")
    assert sorted(room.folder.iterdir()) == before


def test_bytes_that_were_changed_in_the_remote_are_not_handed_out(room: Any) -> None:
    room.add(b"one")
    (stored,) = (path for path in (room.folder / "remote").rglob("*") if path.is_file())
    stored.chmod(0o644)
    stored.write_bytes(b"eno")
    with pytest.raises(ValueError, match="it has bytes of MD5"):
        room.get("interactions-v1")
    assert not (room.folder / "back").exists()


def test_getting_what_is_already_there_needs_no_remote(room: Any) -> None:
    room.add(b"one")
    shutil.rmtree(room.folder / "remote")
    datasets.get("interactions-v1", room.section, room.folder / "data")
    assert (room.folder / "data").read_bytes() == b"one"


def test_without_a_registry_there_is_nothing_to_get(room: Any) -> None:
    with pytest.raises(FileNotFoundError, match="there is no data registry at"):
        room.get("interactions-v1")


def test_interactions_that_failed_validation_get_no_version(room: Any) -> None:
    room.validate(passed=False)
    with pytest.raises(
        ValueError, match=r"did not pass validation: there are too few; the page .*report\.html shows it"
    ):
        room.add(b"one")
    assert not room.registry.exists()


@pytest.mark.skipif(find_spec("dvc_s3") is not None, reason="the package is installed")
def test_a_remote_that_needs_another_package_names_it(room: Any) -> None:
    room.section = replace(room.section, remote="s3://bucket/registry")
    with pytest.raises(ValueError, match=r"the remote s3://bucket/registry does not take .* requires 'dvc-s3'"):
        room.add(b"one")


def test_a_registry_by_ssh_without_ssh_says_so(room: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_SSH", "/nonexistent/ssh")
    room.section = replace(room.section, registry="git@git.example.com:data.git")
    with pytest.raises(ValueError, match=r"cannot be read: cannot run /nonexistent/ssh: No such file"):
        room.add(b"one")


def test_another_version_takes_the_place_of_the_one_that_was_got_before(room: Any) -> None:
    contents = {room.add(content)["tag"]: content for content in (b"one", b"two")}
    for tag in ("interactions-v1", "interactions-v2", "interactions-v1"):
        datasets.get(tag, room.section, room.folder / "back")
        assert (room.folder / "back").read_bytes() == contents[tag]
