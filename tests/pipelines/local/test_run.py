"""The local run: what it does again and what not, what it tells, and how it ends."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from components.runtime.steps import STEPS
from pipelines.local import run
from pipelines.training import training
from tests.pipelines.conftest import Workplace

Done = subprocess.CompletedProcess[str]
PATIENCE = 600  # seconds: it only ends a hang


def steps_done(done: Done) -> dict[str, bool]:
    """The steps that a run reports as done, each with whether it came from the cache."""
    lines = re.findall(r"✓ +\d+/12 (\w+) +(cached|[\d.]+ s)", done.stdout)
    return {name: state == "cached" for name, state in lines}


def test_an_accepted_model_is_packaged_and_the_next_lines_are_told(local: Workplace, first_run: Done) -> None:
    assert first_run.returncode == 0, first_run.stdout + first_run.stderr
    assert steps_done(first_run) == dict.fromkeys(["check", *STEPS], False)
    for told in ("popularity", "adrec", "accepted", "artifacts/report.html", "make serve", '"user_id": "user-'):
        assert told in first_run.stdout
    assert "<html" in (local.artifacts / "report.html").read_text()
    assert (local.artifacts / "bento" / "bento.yaml").is_file()


def test_kfp_and_the_steps_talk_into_the_log_alone(local: Workplace, first_run: Done) -> None:
    assert "KFP Executor" not in first_run.stdout + first_run.stderr
    assert any("pretrain: epoch 2/2" in log.read_text() for log in local.artifacts.glob("runs/*.log"))


def again(done: Done) -> set[str]:
    """The steps that a run did, and did not recall."""
    assert done.returncode == 0, done.stdout + done.stderr
    return {name for name, cached in steps_done(done).items() if not cached} - {"check"}


def test_a_second_run_does_nothing_but_check_and_publish(local: Workplace, first_run: Done) -> None:
    assert first_run.returncode == 0
    second = local.run()
    assert set(steps_done(second)) == {"check", *STEPS}
    assert not steps_done(second)["check"]
    assert again(second) == {"publish"}
    assert "not done again: ingest, " in second.stdout


def test_what_a_pod_is_told_does_not_hold_here_and_comes_back() -> None:
    spec = training.pipeline_spec
    before = spec.SerializeToString(deterministic=True)
    with run.here(spec) as acts:
        assert acts & {"check", *STEPS} == {"check", "publish"}
        assert all(task.caching_options.enable_cache for task in spec.root.dag.tasks.values())
        assert "ADREC_REQUIRE_CUDA" not in str(spec)
    assert "ADREC_REQUIRE_CUDA" in str(spec)
    assert spec.SerializeToString(deterministic=True) == before


def test_a_feature_store_that_is_gone_is_published_again(local: Workplace, first_run: Done) -> None:
    """The store is not the run's: what a cache remembers of it may no longer be so."""
    assert first_run.returncode == 0
    shutil.rmtree(local.artifacts / "features")
    assert again(local.run()) == {"publish"}
    assert (local.artifacts / "features" / "interactions.parquet").is_file()


def test_a_changed_stage_is_done_again_with_what_follows(local: Workplace, first_run: Done) -> None:
    assert first_run.returncode == 0
    done = local.run("--set", "finetune.learning_rate=0.002")
    assert again(done) == {"finetune", "evaluate", "gate", "package", "publish"}


@pytest.mark.slow
def test_a_champion_of_other_content_is_measured_again(local: Workplace, first_run: Done) -> None:
    assert first_run.returncode == 0
    champion = shutil.copytree((local.artifacts / "bento").resolve() / "src" / "model", local.folder / "champion")
    against = ("--set", "evaluate.champion=champion")
    assert "evaluate" in again(local.run(*against))
    assert again(local.run(*against)) == {"publish"}
    about = champion / "checkpoint.json"
    about.write_text(about.read_text() + "\n")
    assert "evaluate" in again(local.run(*against))


def test_a_rejected_model_is_not_packaged_and_the_run_ends_green(local: Workplace, first_run: Done) -> None:
    assert first_run.returncode == 0
    served = (local.artifacts / "bento").resolve()
    done = local.run("--set", "gate.minimum={HR@20: 1.0}")
    assert again(done) == {"gate", "publish"}
    assert "package" not in steps_done(done)
    assert "rejected" in done.stdout
    assert re.search(r"✗ HR@20 0\.\d+ is below 1\.0000", done.stdout)
    assert (local.artifacts / "bento").resolve() == served, "the model in service stays"


def test_a_failing_step_is_told_in_one_sentence_with_its_log(local: Workplace, first_run: Done) -> None:
    assert first_run.returncode == 0
    done = local.run("--set", "validate.min_rows=1000000")
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert re.search(r"✗ validate: .+", done.stdout)
    log = re.search(r"log: (\S+)", done.stdout)
    assert log is not None
    assert "Traceback" in (local.folder / log[1]).read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--set", "pretrain.epochs=3.5"), "pretrain.epochs = 3.5"),
        (("--set", "pretrain.epoch=3"), "pretrain.epoch is unknown"),
        (("--set", "train.epochs=3"), "the sections are"),
        (("--set", "epochs"), "section.key=value"),
        (("--set", "pretrain.epochs.few=3"), "--set pretrain.epochs.few"),
        (("--set", "gate.minimum.HR@0=0.1"), "gate.minimum.HR@0"),
        (("--set", "gate.minimum={HR"), "gate.minimum={HR"),
        (("--source", "nothing.csv", "--format", "csv"), "nothing.csv"),
        (("--set", "evaluate.champion=/nowhere"), "evaluate.champion = '/nowhere'"),
        (("--set", "evaluate.item_categories=/nowhere"), "evaluate.item_categories: the source /nowhere"),
        (("--params", "nothing.yaml"), "nothing.yaml: no such file"),
    ],
)
def test_a_mistake_is_told_before_anything_starts(
    arguments: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "params.yaml").write_text(Path("params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    assert run.main(list(arguments)) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not (tmp_path / "artifacts").exists()


def test_a_signal_leaves_no_step_at_work(local: Workplace, first_run: Done) -> None:
    assert first_run.returncode == 0
    endless = [sys.executable, "-m", "pipelines", "run", "--set", "pretrain.epochs=1000000"]
    with at_work(local, [*endless, "--set", "pretrain.patience=1000000"]) as process:
        children = wait_for_training(process.pid)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM
    assert "✗ pretrain: stopped by SIGTERM" in output
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


@contextmanager
def at_work(local: Workplace, command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """The process of a run that would not end; it does when the block does, however that is."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=local.folder, env=local.environment, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)


def wait_for_training(pid: int) -> list[psutil.Process]:
    """The processes of the training step of the run `pid`, once there is one."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        children = psutil.Process(pid).children(recursive=True)
        if any("def pretrain(" in told(child) for child in children):
            return children
        time.sleep(0.1)
    raise AssertionError("the training step did not start")


def told(process: psutil.Process) -> str:
    """Its command line; nothing if it has ended since."""
    with suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


def test_the_same_command_goes_on_after_the_last_epoch(local: Workplace, first_run: Done) -> None:
    assert first_run.returncode == 0
    epochs = "1000000"
    command = [sys.executable, "-m", "pipelines", "run"]
    command += ["--set", f"finetune.epochs={epochs}", "--set", f"finetune.patience={epochs}"]
    with at_work(local, command):
        wait_for_log(local, f"finetune: epoch 2/{epochs}")
    with at_work(local, command) as process:
        assert process.stdout is not None
        line = next((line for line in process.stdout if "continuing" in line), "nothing")
    assert re.fullmatch(rf"  finetune: continuing after epoch \d+ of {epochs}\n", line)


def wait_for_log(local: Workplace, text: str) -> None:
    """Return when a log of a run has `text`."""
    deadline = time.monotonic() + PATIENCE
    while not any(text in log.read_text() for log in local.artifacts.glob("runs/*.log")):
        assert time.monotonic() < deadline, f"no log tells of {text!r}"
        time.sleep(0.1)


@pytest.mark.slow
def test_what_was_published_for_another_dataset_is_published_again(local: Workplace, first_run: Done) -> None:
    """The store holds one publication; a cached step must not leave another dataset's histories in it."""
    assert first_run.returncode == 0
    assert again(local.run("--set", "publish.max_length=20")) == {"publish"}
    assert again(local.run()) == {"publish"}
    records = sorted(local.artifacts.glob("runs/*/publish/published"))
    assert [json.loads(record.read_text())["max_length"] for record in records[-2:]] == [20, 12]
