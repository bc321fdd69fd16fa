"""Both online stores, empty: SQLite in a folder, and a real Redis server on a free port of this machine."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import redis

from adrec import config
from features import settings as places

ROOT = Path(__file__).parents[2]
SECOND = 1_000_000  # microseconds


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis server that lives as long as the tests."""
    with running_redis(tmp_path_factory.mktemp("redis")) as (address, _):
        yield address


@contextmanager
def running_redis(folder: Path) -> Iterator[tuple[str, subprocess.Popen]]:
    """The address and the process of a Redis server that keeps nothing but a log in `folder`."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server on this machine: install the Debian package of that name")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([program, *settings], stdout=log, stderr=log)
    try:
        wait_until_ready(redis.Redis(port=port))
        yield f"127.0.0.1:{port}", server
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_until_ready(client: redis.Redis) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            client.ping()
            return
        except redis.ConnectionError:
            assert time.monotonic() < deadline, "the Redis server does not answer"
            time.sleep(0.05)


@pytest.fixture(scope="session")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to which the command line of Feast has applied the repository: a copy of it is an empty store."""
    place = tmp_path_factory.mktemp("applied") / "features"
    place.mkdir()
    command = [Path(sys.executable).with_name("feast"), "-c", ROOT / "features", "apply"]
    environment = os.environ | {places.FOLDER_VARIABLE: str(place), "PYTHONPATH": str(ROOT)}
    subprocess.run(command, env=environment, check=True, timeout=120)
    return place


@pytest.fixture
def sqlite_folder(applied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store in SQLite."""
    monkeypatch.setenv(places.FOLDER_VARIABLE, str(tmp_path / "features"))
    monkeypatch.delenv(places.REDIS_VARIABLE, raising=False)
    shutil.copytree(applied, tmp_path / "features")
    return tmp_path / "features"


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.slow)])
def folder(request: pytest.FixtureRequest, sqlite_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store, first with SQLite online, then with Redis."""
    if request.param == "redis":
        address = request.getfixturevalue("redis_server")
        host, port = address.split(":")
        redis.Redis(host=host, port=int(port)).flushall()
        monkeypatch.setenv(places.REDIS_VARIABLE, address)
    return sqlite_folder


@pytest.fixture(scope="session")
def settings(params: dict[str, config.Section]) -> config.Publish:
    """The section `publish` of `params.yaml`."""
    section = params["publish"]
    assert isinstance(section, config.Publish)
    return section


@pytest.fixture(scope="session")
def short(settings: config.Publish) -> config.Publish:
    """The same, with three interactions a user."""
    return replace(settings, max_length=3)


def interactions(**users: list[str] | list[tuple[str, int]]) -> pl.DataFrame:
    """Interactions of each user with items, or with (item, second); without seconds, one follows the other."""
    rows = [
        (user, *(event if isinstance(event, tuple) else (event, second)))
        for user, events in users.items()
        for second, event in enumerate(events)
    ]
    return at_seconds([(user, item, second) for user, item, second in rows])


def at_seconds(events: list[tuple[str, str, int]]) -> pl.DataFrame:
    """Interactions (user, item, second since 1970)."""
    rows = [(user, item, second * SECOND) for user, item, second in events]
    frame = pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64}, orient="row")
    times = pl.from_epoch("timestamp", "us").dt.replace_time_zone("UTC")
    return frame.with_columns(times).cast(places.INTERACTIONS)
