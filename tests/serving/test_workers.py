"""Several workers behind one port: each answers by itself, and the counts of all of them are told together."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from components import publish
from features import store
from tests.conftest import publication
from tests.serving.conftest import START_SECONDS, environment_of, packaged, served

QUESTIONS = 40


@pytest.mark.slow
def test_as_many_workers_as_the_bento_names_answer_alike(
    tmp_path: Path,
    tiny: dict[str, Any],
    tiny_dataset: Path,
    tiny_winner: Path,
    tiny_metrics: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(tmp_path / "features"))
    sections = {name: tiny[name] for name in ("prepare", "publish")}
    publish.run(**publication(tiny_dataset), **sections, published=tmp_path / "published.json")
    bento = packaged(tmp_path, tiny_winner, tiny_metrics, workers=2)
    with served(bento, tmp_path, environment_of(tmp_path)) as url:
        deadline = time.monotonic() + START_SECONDS
        while started(tmp_path) < 2:
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.2)

        def ask(_: int) -> str:
            return httpx.post(f"{url}/recommend", json={"user_id": "user-00007"}, timeout=60).text

        with ThreadPoolExecutor(8) as many:
            answers = set(many.map(ask, range(QUESTIONS)))
        assert len(answers) == 1
        counted = httpx.get(f"{url}/metrics", timeout=60).text
        assert f'recommender_answers_total{{strategy="sequence"}} {QUESTIONS}.0' in counted
        assert started(tmp_path) == 2


def started(place: Path) -> int:
    """How many workers have told that they run."""
    return (place / "log").read_text().count("Service Recommender initialized")
