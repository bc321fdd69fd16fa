"""A Bento of the tiny world in a folder of its own, and how it is served: by `bentoml serve`."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from features import store

ROOT = Path(__file__).parents[2]
START_SECONDS = 600  # it only ends a hang


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def environment_of(place: Path) -> dict[str, str]:
    """The environment in which BentoML and the feature store keep all that they keep in `place`."""
    return os.environ | {
        "BENTOML_HOME": str(place / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        store.FOLDER_VARIABLE: str(place / "features"),
    }


@pytest.fixture(scope="session")
def bento(tmp_path_factory: pytest.TempPathFactory, tiny_winner: Path, tiny_metrics: Path) -> Path:
    """The folder of the tiny winner's Bento, away from the project; it samples every history."""
    return packaged(tmp_path_factory.mktemp("bento"), tiny_winner, tiny_metrics, sample=1.0)


def packaged(place: Path, winner: Path, metrics: Path, **serve: object) -> Path:
    """The folder of a Bento that is made in `place`, with these values of the section `serve`."""
    (place / "verdict.json").write_text(json.dumps({"accepted": True, "reasons": []}))
    paths = {"winner": winner, "metrics": metrics, "verdict": place / "verdict.json"}
    document = yaml.safe_load((ROOT / "params.yaml").read_text())
    document["serve"] |= serve
    (place / "params.yaml").write_text(yaml.safe_dump(document))
    paths |= {"packaged": place / "packaged", "params": place / "params.yaml"}
    arguments = [f"--{name}={path}" for name, path in paths.items()]
    program = [sys.executable, "-m", "components", "package", *arguments]
    subprocess.run(program, cwd=ROOT, env=environment_of(place), check=True, timeout=120)
    shutil.rmtree(place / "bentoml")
    return place / "packaged" / "bento"


@contextmanager
def served(bento: Path, place: Path, environment: dict[str, str]) -> Iterator[str]:
    """Address of the running service; its log is `place / "log"`."""
    port = free_port()
    command = [Path(sys.executable).with_name("bentoml"), "serve", bento, "--host", "127.0.0.1", "--port", str(port)]
    with (place / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=place, env=environment, stdout=log, stderr=log)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}/readyz", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_until_ready(address: str, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server ended"
        try:
            if httpx.get(address, timeout=2).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"the server was not ready after {START_SECONDS} s")
