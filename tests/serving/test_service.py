"""The service as it runs: a Bento in a folder of its own, started by `bentoml serve`."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from shutil import copytree
from typing import Any

import httpx
import pytest

from adrec.data.dataset import Dataset
from adrec.inference import Recommender, write_model
from adrec.training.checkpoint import ABOUT_FILE
from components import publish
from features import monitoring, store
from serving.client import Client
from tests.conftest import publication
from tests.serving.conftest import START_SECONDS, environment_of, served


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def environment(place: Path) -> dict[str, str]:
    return environment_of(place)


@pytest.fixture(scope="module")
def feature_store(place: Path, tiny: dict[str, Any], tiny_dataset: Path) -> Iterator[store.Store]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(store.FOLDER_VARIABLE, str(place / "features"))
        sections = {name: tiny[name] for name in ("prepare", "publish")}
        publish.run(**publication(tiny_dataset), **sections, published=place / "published.json")
        yield store.open_store()


@pytest.fixture(scope="module")
def url(place: Path, environment: dict[str, str], bento: Path, feature_store: store.Store) -> Iterator[str]:
    """Address of the running service; its log is `place / "log"`."""
    with served(bento, place, environment) as address:
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[Client]:
    with Client(url, timeout=30) as opened:
        yield opened


@pytest.fixture(scope="module")
def dataset(tiny_dataset: Path) -> Dataset:
    return Dataset.read(tiny_dataset)


def test_every_user_gets_what_the_model_recommends_after_the_training_history(
    client: Client, dataset: Dataset, tiny_winner: Path, tiny: dict[str, Any]
) -> None:
    model = Recommender.load(tiny_winner)
    histories = dataset.histories.last(tiny["publish"].max_length)
    for user, items in islice(zip(histories.users, histories, strict=True), 30):
        history = dataset.catalogue.decode(items)
        answer = client.for_user(user, k=5)
        expected = model.recommend(history, 5)
        assert answer.strategy == "sequence"
        assert [item.item_id for item in answer.items] == expected.items
        assert [item.score for item in answer.items] == pytest.approx(expected.scores)
        assert client.for_items(history, k=5).items == answer.items


def test_seen_excluded_and_unknown_items_are_never_recommended(client: Client, dataset: Dataset) -> None:
    history = list(dataset.catalogue.items[:10])
    excluded = list(dataset.catalogue.items[10:20])
    answer = client.for_items([*history, "no such item"], k=100, exclude=excluded)
    rest = set(dataset.catalogue.items) - set(history) - set(excluded)
    assert {item.item_id for item in answer.items} == rest
    assert answer.unknown_items == ["no such item"]


def test_seen_items_come_back_on_demand(client: Client, dataset: Dataset) -> None:
    answer = client.for_items(dataset.catalogue.items[:10], k=100, exclude_seen=False)
    assert len(answer.items) == len(dataset.catalogue)


def test_an_unknown_user_gets_popular_items_and_is_told_so(client: Client) -> None:
    answer = client.for_user("nobody", k=5)
    assert answer.strategy == "popular"
    assert len(answer.items) == 5
    assert client.for_items([], k=5) == answer
    assert client.for_items(["no such item"], k=5).strategy == "popular"


def test_a_live_interaction_counts_in_the_next_answer(
    client: Client, dataset: Dataset, feature_store: store.Store
) -> None:
    user = dataset.histories.users[-1]
    best = client.for_user(user, k=1).items[0].item_id
    store.append(feature_store, user, best, datetime.now(UTC))
    answer = client.for_user(user, k=100)
    assert best not in {item.item_id for item in answer.items}


@pytest.mark.parametrize(
    "body",
    [
        {"user_id": "1", "k": -1}, {"user_id": "1", "k": 10**6}, {"user_id": "1", "items": ["a"]}, {},
        {"user_id": "x" * 10_000}, {"items": ["a"] * 100_000}, {"user_id": "1", "limit": 3}, "no json",
    ],
)  # fmt: skip
def test_a_wrong_request_gets_one_sentence_and_no_traceback_in_the_log(url: str, body: Any, place: Path) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    response = httpx.post(f"{url}/recommend", content=content, timeout=30)
    assert response.status_code == 400
    assert response.json().keys() == {"error"}
    assert "Traceback" not in (place / "log").read_text()


@pytest.mark.parametrize("told", [True, False])
def test_a_body_longer_than_any_request_is_refused_unread(url: str, told: bool, client: Client) -> None:
    million = b"x" * 10**6
    content = million * 40 if told else iter([million] * 40)  # with its length in the header, and in chunks without
    response = httpx.post(f"{url}/recommend", content=content, timeout=30)
    assert response.status_code == 413
    assert response.json()["error"].startswith("the request has more than 6,")
    assert client.for_items([], k=1).strategy == "popular", "and the next one is answered"


def test_the_client_raises_the_sentence(client: Client) -> None:
    with pytest.raises(ValueError, match="k = 1000000 must be at most 100"):
        client.for_user("1", k=10**6)
    with pytest.raises(ValueError, match="the request has more than 6,156,100 bytes"):
        client.for_items(["x" * 1000] * 7000)


def test_a_sample_of_what_was_served_is_kept_for_drift(
    client: Client, dataset: Dataset, feature_store: store.Store
) -> None:
    since = datetime.now(UTC)
    history = list(dataset.catalogue.items[:15])
    client.for_items(history)
    client.for_user("nobody")
    found, _ = monitoring.served(since)
    assert found.sort("time").select("history", "strategy").rows() == [(history[-12:], "sequence"), ([], "popular")]


def test_answers_are_counted_by_strategy(client: Client, url: str) -> None:
    client.for_user("nobody")
    assert 'recommender_answers_total{strategy="popular"}' in httpx.get(f"{url}/metrics", timeout=30).text


def test_the_bento_imports_its_own_code(bento: Path, environment: dict[str, str]) -> None:
    program = (
        f"import bentoml; bentoml.load({str(bento)!r}); import adrec.config, features.store, serving.schemas;"
        "print(adrec.config.__file__, features.store.__file__, serving.schemas.__file__)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=bento.parent, env=environment, capture_output=True, text=True, check=True
    )
    assert [Path(file).is_relative_to(bento / "src") for file in answer.stdout.split()] == [True] * 3


def test_a_store_without_the_feature_service_stops_the_start(
    bento: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    command = [Path(sys.executable).with_name("bentoml"), "serve", bento, "--port", "0"]
    elsewhere = environment | {store.FOLDER_VARIABLE: str(tmp_path)}
    ended = subprocess.run(command, cwd=tmp_path, env=elsewhere, capture_output=True, text=True, timeout=START_SECONDS)
    assert ended.returncode == 1
    assert "has no feature service 'recommender_v1'" in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout


ALONE = """
import asyncio, json, sys
import bentoml
service = bentoml.load(sys.argv[1])
body = json.dumps({"items": json.loads(sys.argv[2]), "k": 100}).encode()
answer = asyncio.run(service().recommend(body))
print(json.dumps({"traffic": service.config["traffic"], "answer": answer.model_dump()}))
"""


def test_the_service_keeps_to_the_settings_in_its_bento(
    bento: Path, environment: dict[str, str], feature_store: store.Store, tiny_run: Path, dataset: Dataset,
    tmp_path: Path,
) -> None:  # fmt: skip
    """With a network in which the noise counts: with the paper's lambda one step gives the scores of all."""
    model = tmp_path / "bento" / "src" / "model"
    copytree(bento, tmp_path / "bento")
    write_model(tmp_path / "loud", tiny_run / "finetuned", dataset)
    about = json.loads((tmp_path / "loud" / ABOUT_FILE).read_text())
    about["config"]["model"]["conditioning_scale"] = 1.0
    (tmp_path / "loud" / ABOUT_FILE).write_text(json.dumps(about))
    copytree(tmp_path / "loud", model, dirs_exist_ok=True)
    settings = json.loads((model / "serve.json").read_text())
    changes = {"steps": 1, "timeout_seconds": 7, "max_concurrency": 3}
    (model / "serve.json").write_text(json.dumps(settings | changes))

    history = list(dataset.catalogue.items[:5])
    command = [sys.executable, "-c", ALONE, tmp_path / "bento", json.dumps(history)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["traffic"]["timeout"], told["traffic"]["max_concurrency"]) == (7, 3)
    scores = {item["item_id"]: item["score"] for item in told["answer"]["items"]}
    one, all_ = (
        dict(zip(found.items, found.scores, strict=True))
        for found in (Recommender.load(model, steps=steps).recommend(history, 100) for steps in (1, 0))
    )
    assert scores == pytest.approx(one)
    assert scores != pytest.approx(all_)
