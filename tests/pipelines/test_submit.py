"""Submitting: what reaches a server that speaks Kubeflow's API, and what never leaves this machine."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from pipelines import submit

API = "/apis/v2beta1/"


class Kubeflow(BaseHTTPRequestHandler):
    """The few endpoints of the server that are used; what was created is kept in `created`."""

    created: dict[str, list[dict[str, Any]]]

    def do_GET(self) -> None:
        """The list of a kind, or the server's health."""
        kind = self.kind()
        self.answer({} if kind == "healthz" else {self.plural(kind): self.created[kind]})

    def do_POST(self) -> None:
        """One more of a kind."""
        kind = self.kind()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = {"experiments": "experiment_id", "runs": "run_id", "recurringruns": "recurring_run_id"}[kind]
        body[key] = f"{kind}-{len(self.created[kind]) + 1}"
        self.created[kind].append(body)
        self.answer(body)

    def kind(self) -> str:
        """What is asked for."""
        return self.path.removeprefix(API).partition("?")[0]

    def plural(self, kind: str) -> str:
        """What the server calls a list of this kind."""
        return "recurringRuns" if kind == "recurringruns" else kind

    def answer(self, document: dict[str, Any]) -> None:
        """Send this as JSON."""
        content = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def created() -> dict[str, list[dict[str, Any]]]:
    return {"experiments": [], "runs": [], "recurringruns": []}


@pytest.fixture
def host(created: dict[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server."""
    handler = type("Handler", (Kubeflow,), {"created": created})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_run_is_submitted_with_its_parameters_and_the_graph(
    host: str, created: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit.main(["--host", host, "--set", "pretrain.epochs=7", "--experiment", "nightly"]) == 0
    assert capsys.readouterr().out == f"submitted: {host}/#/runs/details/runs-1\n"
    (run,) = created["runs"]
    assert [experiment["display_name"] for experiment in created["experiments"]] == ["nightly"]
    assert run["experiment_id"] == "experiments-1"
    assert run["runtime_config"]["parameters"]["pretrain"]["epochs"] == 7
    spec = run["pipeline_spec"]
    assert "check" in spec.get("pipeline_spec", spec)["root"]["dag"]["tasks"]


def test_a_schedule_is_made_once(host: str, created: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    source = ["--source", "s3://events/today.csv", "--format", "csv"]
    arguments = ["refresh", "--host", host, *source, "--every", "0 * * * *"]
    assert submit.main(arguments) == 0
    (recurring,) = created["recurringruns"]
    assert recurring["trigger"]["cron_schedule"]["cron"] == "0 0 * * * *"
    assert recurring["no_catchup"]
    handed = recurring["runtime_config"]["parameters"]
    assert handed["ingest"]["source"] == "s3://events/today.csv"
    assert handed["version"]["name"] == "events"
    assert submit.main(arguments) == 1
    assert "there is a recurring run 'adrec-refresh'" in capsys.readouterr().err
    assert len(created["recurringruns"]) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--set", "pretrain.epochs=3.5"), "pretrain.epochs = 3.5"),
        (("--source", "u.data", "--format", "movielens"), "is a file of this machine"),
        (("--every", "daily"), "write minute, hour, day, month and weekday"),
    ],
)
def test_what_is_not_sound_never_reaches_the_server(
    arguments: tuple[str, ...], told: str, host: str, created: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit.main(["--host", host, *arguments]) == 1
    assert told in capsys.readouterr().err
    assert not any(created.values())


def test_a_server_that_is_not_there_is_told_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert submit.main(["--host", "http://127.0.0.1:9"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: http://127.0.0.1:9 does not take it: ")
    assert error.count("\n") == 1
