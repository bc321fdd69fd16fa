"""A feature store that does not answer: what needs it is refused in a sentence, and all else goes on."""

import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from adrec.data.dataset import Dataset
from components import publish
from features import settings, store
from tests.conftest import publication
from tests.features.conftest import running_redis
from tests.serving.conftest import environment_of, served

USER = {"user_id": "user-00007"}


@dataclass(frozen=True)
class Place:
    """A service whose online store is a Redis server of its own."""

    url: str
    redis: subprocess.Popen
    log: Path
    history: list[str]

    def ask(self, question: dict[str, Any]) -> httpx.Response:
        """The answer to a request."""
        return httpx.post(f"{self.url}/recommend", json=question, timeout=60)

    def probe(self, name: str) -> int:
        """The status of one of BentoML's own addresses."""
        return httpx.get(f"{self.url}/{name}", timeout=60).status_code


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, bento: Path, tiny: dict[str, Any], tiny_dataset: Path
) -> Iterator[Place]:
    place = tmp_path_factory.mktemp("outage")
    with running_redis(place) as (address, server), pytest.MonkeyPatch.context() as patch:
        patch.setenv(settings.REDIS_VARIABLE, f"{address},socket_timeout=2")
        patch.setenv(store.FOLDER_VARIABLE, str(place / "features"))
        sections = {name: tiny[name] for name in ("prepare", "publish")}
        publish.run(**publication(tiny_dataset), **sections, published=place / "published.json")
        history = list(Dataset.read(tiny_dataset).catalogue.items[:5])
        with served(bento, place, environment_of(place)) as url:
            yield Place(url, server, place / "log", history)


def test_while_one_request_waits_for_the_store_others_are_answered(running: Place) -> None:
    assert running.ask(USER).json()["strategy"] == "sequence"
    os.kill(running.redis.pid, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(1) as in_thread:
            waiting = in_thread.submit(running.ask, USER)
            assert running.ask({"items": running.history}).is_success
            assert running.probe("livez") == 200
            assert not waiting.done(), "the store is asked no longer than the others took"
            refused = waiting.result()
            assert refused.status_code == 503
            assert refused.json()["error"].startswith("the feature store cannot be read now")
    finally:
        os.kill(running.redis.pid, signal.SIGCONT)
    assert running.ask(USER).json()["strategy"] == "sequence", "it goes on when the store does"
    assert running.probe("readyz") == 200


def test_without_redis_only_what_needs_it_is_refused(running: Place) -> None:
    running.redis.kill()
    running.redis.wait(timeout=30)
    assert running.ask(USER).status_code == 503
    assert running.ask({"items": running.history}).json()["strategy"] == "sequence"
    assert running.ask({"items": []}).json()["strategy"] == "popular"
    assert (running.probe("livez"), running.probe("readyz")) == (200, 503)
    assert 'recommender_store_failures_total{what="history"}' in httpx.get(f"{running.url}/metrics", timeout=60).text
    said = running.log.read_text()
    assert "a request is refused: the feature store does not answer: Error 111 connecting to" in said
    assert "Traceback" not in said
