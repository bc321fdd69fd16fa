"""The refresh pipeline: run twice it changes nothing, killed anywhere and run again it ends in the same state."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from kfp import components

from adrec import config
from adrec.data import demo
from components.runtime.steps import REFRESH
from features import store
from pipelines.compile import compile_to
from tests.pipelines.conftest import Workplace

COMMAND = ("-m", "pipelines", "refresh", "--source", "events.csv", "--format", "csv")


@pytest.fixture(scope="module")
def published(workplace: Callable[[str], Workplace], tiny: dict[str, Any]) -> Callable[[str], Workplace]:
    """Makes a workplace where the demo world is published, with a file of events beside it."""

    def make(name: str) -> Workplace:
        place = workplace(name)
        section: config.Ingest = tiny["ingest"]
        rows = demo.interactions(section.demo_users, section.demo_items, section.demo_seed)
        with opened(place):
            store.publish(rows.select("user_id", "item_id", "timestamp"), tiny["publish"])
        latest = rows["timestamp"].max()
        events = (
            rows.unique("user_id", maintain_order=True)
            .head(40)
            .with_columns(item_id=pl.lit("item-00003"), timestamp=pl.lit(latest))
        )
        unknown = events.head(1).with_columns(user_id=pl.lit("new user"))
        known_before = rows.head(5).select(events.columns)
        pl.concat([events, unknown, known_before]).write_csv(place.folder / "events.csv")
        return place

    return make


class opened:  # noqa: N801 (reads as a verb)
    """The store of a workplace, in this process."""

    def __init__(self, place: Workplace) -> None:
        self._patch, self._place = pytest.MonkeyPatch(), place

    def __enter__(self) -> None:
        self._patch.setenv(store.FOLDER_VARIABLE, str(self._place.artifacts / "features"))

    def __exit__(self, *exception: object) -> None:
        self._patch.undo()


def state(place: Workplace) -> dict[str, Any]:
    """All that the refresh acts on: online, offline, the log, the ranking, the registry."""
    from features import event_log

    folder = place.artifacts / "features"
    tags = place.command("git", "-C", "artifacts/registry", "tag").stdout.split()
    with opened(place):
        read = store.open_store()
        offline = pl.read_parquet(folder / "histories.parquet").sort("user_id", "event_timestamp")
        users = offline["user_id"].unique(maintain_order=True).to_list()
        return {
            "online": {user: store.history(read, user) for user in users},
            "offline": offline.to_dicts(),
            "events": event_log.read().to_dicts(),
            "popular": store.popular(read),
            "versions": tags,
        }


@pytest.fixture(scope="module")
def undisturbed(published: Callable[[str], Workplace]) -> Workplace:
    """Where the pipeline ran once."""
    place = published("undisturbed")
    done = place.command(sys.executable, *COMMAND)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "events   41 of 46 were new (events-v1)" in done.stdout
    return place


@pytest.mark.slow
def test_new_events_reach_the_service_the_offline_table_and_the_ranking(undisturbed: Workplace) -> None:
    found = state(undisturbed)
    assert found["online"]["new user"] == ["item-00003"]
    assert found["popular"][0][0] == "item-00003"
    newest = {row["user_id"]: row["items"] for row in found["offline"]}
    assert newest == found["online"]
    assert found["versions"] == ["events-v1"]


@pytest.mark.slow
def test_a_second_run_changes_nothing(undisturbed: Workplace) -> None:
    before = state(undisturbed)
    done = undisturbed.command(sys.executable, *COMMAND)
    assert "events   0 of 46 were new (events-v1)" in done.stdout
    assert state(undisturbed) == before


@pytest.mark.slow
@pytest.mark.parametrize("step", REFRESH)
def test_killed_in_any_step_and_run_again_it_ends_in_the_same_state(
    step: str, published: Callable[[str], Workplace], undisturbed: Workplace
) -> None:
    place = published(f"killed-in-{step}")
    kill_in(step, place)
    done = place.command(sys.executable, *COMMAND)
    assert done.returncode == 0, done.stdout + done.stderr
    assert state(place) == state(undisturbed)


def kill_in(step: str, place: Workplace) -> None:
    """Start the pipeline and kill it with all its processes while `step` runs."""
    begun = signs(place).get(step, lambda: any(place.artifacts.glob(f"runs/*/{step}")))
    command = [sys.executable, *COMMAND]
    run = subprocess.Popen(
        command, cwd=place.folder, env=place.environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 600
    while not begun():
        assert time.monotonic() < deadline, f"{step} did not start"
        assert run.poll() is None, f"the run ended before {step}"
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGKILL)
    assert run.wait(timeout=30) == -signal.SIGKILL


def signs(place: Workplace) -> dict[str, Callable[[], bool]]:
    """How it shows that a step has done a part of its work and not all; the others are killed at their beginning."""
    from features import event_log
    from features.settings import POPULAR_FILE

    ranking = place.artifacts / "features" / POPULAR_FILE
    published = ranking.stat().st_mtime_ns

    def logged() -> bool:
        with opened(place):
            return event_log.newest() > 0

    return {
        "version": (place.artifacts / "registry").exists,
        "append": logged,
        "republish": lambda: ranking.stat().st_mtime_ns != published,
    }


def test_the_package_has_the_steps_and_recalls_none_from_a_cache(tmp_path: Path) -> None:
    compile_to(tmp_path / "features.yaml", "refresh")
    spec = components.load_component_from_file(str(tmp_path / "features.yaml")).pipeline_spec
    tasks = spec.root.dag.tasks
    assert set(tasks) == set(REFRESH)
    assert not any(task.caching_options.enable_cache for task in tasks.values())
    assert set(tasks["append"].dependent_tasks) == {"ingest", "version"}
    assert set(tasks["republish"].dependent_tasks) == {"append", "version"}


def test_the_store_is_mounted_where_a_claim_is_named(tmp_path: Path) -> None:
    package = tmp_path / "features.yaml"
    environment = os.environ | {"ADREC_FEATURES_CLAIM": "adrec-features", "ADREC_REDIS": "redis:6379"}
    subprocess.run(
        [sys.executable, "-m", "pipelines", "compile", "refresh", "--to", str(package)], env=environment, check=True
    )
    spec, platform = yaml.safe_load_all(package.read_text())
    mounts = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(mounts) == {"exec-append", "exec-republish"}
    for name in mounts:
        container = spec["deploymentSpec"]["executors"][name]["container"]
        assert {variable["name"]: variable["value"] for variable in container["env"]} == {
            "ADREC_FEATURES_DIR": mounts[name]["pvcMount"][0]["mountPath"],
            "ADREC_REDIS": "redis:6379",
        }


def test_what_cannot_be_run_is_told_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    from pipelines.local import refresh

    assert refresh.main(["--source", "nothing.csv", "--format", "csv"]) == 1
    assert "nothing.csv" in capsys.readouterr().err
