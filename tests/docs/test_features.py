"""The page on features does what it says: every command on it runs, in order, and prints what it shows."""

import re
import shutil
import socket
import subprocess

import pytest

from tests.pipelines.conftest import ROOT, Workplace

PAGE = ROOT / "docs" / "features.md"
BLOCK = re.compile(r"^```(sh|python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 1500


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A folder with the project as it is, and nothing else."""
    place = Workplace(tmp_path_factory.mktemp("shop"))
    for room in ("adrec", "components", "features", "pipelines", "serving"):
        shutil.copytree(ROOT / room, place.folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("constraints.txt", "params.yaml"):
        shutil.copy(ROOT / file, place.folder)
    return place


def script(port: int) -> str:
    """All commands of the page as one shell script, which ends at the first that fails."""
    parts = ["set -euo pipefail", "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT"]
    for kind, text in BLOCK.findall(PAGE.read_text()):
        if kind == "python":
            parts.append(f"python - <<'END'\n{text}END")
        elif kind == "sh":
            parts.append(text)
    return "\n".join(parts).replace("3000", str(port))


def shown() -> list[str]:
    """What the page says is printed, line by line."""
    return [line for kind, text in BLOCK.findall(PAGE.read_text()) if kind == "text" for line in text.splitlines()]


@pytest.mark.slow
def test_every_command_of_the_page_runs_and_prints_what_it_shows(shop: Workplace) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (shop.folder / "page.sh").write_text(script(port))
    environment = shop.environment | {"PYTHONPATH": str(shop.folder)}
    with (shop.folder / "page.log").open("w") as log:
        run = subprocess.Popen(
            ["bash", "page.sh"], cwd=shop.folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        status = run.wait(timeout=SECONDS)
    said = (shop.folder / "page.log").read_text()
    assert status == 0, said[-3000:]
    printed = iter(said.splitlines())
    for line in shown():
        assert line in printed, f"{line!r} is not printed, or not in this place:\n{said[-3000:]}"


def test_every_block_that_is_not_run_needs_a_server_elsewhere() -> None:
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    unrun = [text for kind, text in fences if not kind]
    assert len(fences) > 15
    assert all("kubeflow.example.com" in text or "ADREC_REDIS" in text for text in unrun)
