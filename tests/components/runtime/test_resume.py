"""A training step that was killed, and started again, writes the checkpoint that it would have written."""

import math
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from adrec.recommenders.sasrec import SASRec
from adrec.training.resume import PROGRESS_FILE
from components import __main__ as cli
from components.runtime import training_loop

ROOT = Path(__file__).parents[3]
EPOCHS = 22
# Runs a step that waits, as long as may be, once it has saved the epoch that it is given and before it tells of it.
HALTING = """
import signal, sys
from components import __main__ as cli
from components.runtime import training_loop
tell = training_loop.progress_line
def halt(name, epoch, epochs):
    if epoch.number == int(sys.argv[1]):
        signal.pause()
    return tell(name, epoch, epochs)
training_loop.progress_line = halt
sys.exit(cli.main(sys.argv[2:]))
"""
# Runs a step whose loss is no number: what a section may ask for makes none.
DIVERGING = """
import math, sys
from adrec.recommenders.sasrec import SASRec
from components import __main__ as cli
SASRec.losses = lambda self, batch: {"ce": self.item_embedding.weight.sum() * math.nan}
sys.exit(cli.main(sys.argv[1:]))
"""
INPUTS = {"pretrain": {}, "warmup": {"pretrained": "pretrained"}, "finetune": {"warmed": "warmed"}}
OUTPUTS = {"pretrain": "pretrained", "warmup": "warmed", "finetune": "finetuned"}
LONGER: dict[str, dict[str, Any]] = {
    "pretrain": {"epochs": EPOCHS, "evaluate_every": 2, "patience": EPOCHS},
    "warmup": {"epochs": EPOCHS},
    "finetune": {"epochs": EPOCHS, "evaluate_every": 2, "patience": EPOCHS},
}


@dataclass(frozen=True)
class Place:
    """Where one training step runs: its parameters, its output and its progress."""

    step: str
    folder: Path
    inputs: dict[str, str]

    @property
    def output(self) -> Path:
        """The checkpoint that it writes."""
        return self.folder / OUTPUTS[self.step]

    @property
    def progress(self) -> Path:
        """The folder of all progress."""
        return self.folder / "progress"

    @property
    def arguments(self) -> list[str]:
        """The step and its paths, for the command line."""
        paths = {**self.inputs, OUTPUTS[self.step]: str(self.output), "params": str(self.folder / "params.yaml")}
        return [self.step, *(word for name, path in paths.items() for word in (f"--{name}", path))]

    def start(self, *program: str) -> subprocess.Popen[str]:
        """The step in a process of its own, run by the command line or by another `program`."""
        environment = {**os.environ, "ADREC_PROGRESS_DIR": str(self.progress)}
        command = [sys.executable, *(program or ("-m", "components")), *self.arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)

    def checkpoint(self) -> dict[str, bytes]:
        """The bytes of each of its files."""
        return {file.name: file.read_bytes() for file in self.output.iterdir()}


@pytest.fixture
def place(tiny: dict, tiny_run: Path, tiny_dataset: Path, tmp_path: Path) -> Callable[..., Place]:
    """Makes a place for a step; `changes` are of its own section."""

    def make(step: str, name: str = "place", **changes: Any) -> Place:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        sections = {**tiny, step: replace(tiny[step], **{**LONGER[step], **changes})}
        document = {key: section.as_dict() for key, section in sections.items()}
        (folder / "params.yaml").write_text(yaml.safe_dump(document))
        inputs = {key: str(tiny_run / path) for key, path in INPUTS[step].items()}
        return Place(step, folder, {"dataset": str(tiny_dataset), **inputs})

    return make


@pytest.fixture
def undisturbed(place: Callable[..., Place], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, bytes]]:
    """The checkpoint of a step that nothing interrupts."""

    def run(step: str) -> dict[str, bytes]:
        calm = place(step, "undisturbed")
        with monkeypatch.context() as patch:
            patch.setenv("ADREC_PROGRESS_DIR", str(calm.progress))
            assert cli.main(calm.arguments) == 0
        return calm.checkpoint()

    return run


@pytest.fixture
def halted(place: Callable[..., Place], monkeypatch: pytest.MonkeyPatch) -> Place:
    """A place where `pretrain` was interrupted after its third epoch; this process is at work there from now on."""

    class Interruption(BaseException):
        pass

    def interrupt(name: str, epoch: Any, epochs: int) -> str:
        if epoch.number == 3:
            raise Interruption
        return ""

    here = place("pretrain")
    monkeypatch.setenv("ADREC_PROGRESS_DIR", str(here.progress))
    with monkeypatch.context() as patch:
        patch.setattr(training_loop, "progress_line", interrupt)
        with pytest.raises(Interruption):
            cli.main(here.arguments)
    assert not here.output.exists()
    return here


def kill_after(process: subprocess.Popen[str], epoch: int, share: float) -> None:
    """Kill a step when it has told of `epoch` and a share of its quickest epoch's time has passed."""
    assert process.stdout is not None
    since, quickest = time.monotonic(), math.inf
    for line in process.stdout:
        now = time.monotonic()
        since, quickest = now, min(quickest, now - since)
        if re.match(rf"\w+: epoch {epoch}/", line):
            time.sleep(share * quickest)
            process.kill()
            break
    process.communicate()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("step", OUTPUTS)
@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_a_killed_step_started_again_writes_the_same_bytes(
    step: str, kills: int, place: Callable[..., Place], undisturbed: Callable[[str], dict[str, bytes]]
) -> None:
    chance = random.Random(f"{step} {kills}")  # noqa: S311 (no secret)
    here = place(step)
    epochs = sorted(chance.sample(range(2, EPOCHS, 2), kills))
    for epoch in epochs:
        with here.start("-c", HALTING, str(epoch + 1)) as process:  # so it cannot end before
            kill_after(process, epoch, chance.random())
        assert not here.output.exists()
    with here.start() as process:
        output, error = process.communicate()
    assert process.returncode == 0, error
    continued = re.match(rf"{step}: continuing after epoch (\d+) of {EPOCHS}\n", output)
    assert continued is not None
    assert int(continued[1]) >= epochs[-1]
    assert here.checkpoint() == undisturbed(step)
    assert list(here.progress.iterdir()) == []


def test_the_epoch_after_which_a_step_continues_is_told(
    halted: Place, undisturbed: Callable[[str], dict[str, bytes]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(halted.arguments) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"pretrain: continuing after epoch 3 of {EPOCHS}"
    assert told[1].startswith(f"pretrain: epoch 4/{EPOCHS} ")
    assert len(told) == 1 + EPOCHS - 3
    assert halted.checkpoint() == undisturbed("pretrain")
    assert list(halted.progress.iterdir()) == []


def test_changed_parameters_start_from_the_beginning(
    halted: Place, place: Callable[..., Place], capsys: pytest.CaptureFixture[str]
) -> None:
    changed = place("pretrain", learning_rate=0.002)
    assert changed.folder == halted.folder
    assert cli.main(changed.arguments) == 0
    assert capsys.readouterr().out.startswith(f"pretrain: epoch 1/{EPOCHS} ")
    assert len(list(halted.progress.iterdir())) == 1, "the other one's progress is left alone"


def test_damaged_progress_is_told_of_and_the_step_starts_from_the_beginning(
    halted: Place, undisturbed: Callable[[str], dict[str, bytes]], capsys: pytest.CaptureFixture[str]
) -> None:
    (file,) = halted.progress.glob(f"*/{PROGRESS_FILE}")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert cli.main(halted.arguments) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith(f"pretrain: {file} is damaged: ")
    assert told[0].endswith("; starting from the beginning")
    assert told[1].startswith(f"pretrain: epoch 1/{EPOCHS} ")
    assert halted.checkpoint() == undisturbed("pretrain")


def test_divergence_ends_in_one_sentence_and_leaves_no_checkpoint(place: Callable[..., Place]) -> None:
    here = place("pretrain")
    with here.start("-c", DIVERGING) as process:
        _, error = process.communicate()
    assert process.returncode == 1
    assert error.startswith("error: pretrain: the ce loss of pretrain is nan at epoch 1, step 1; try a smaller")
    assert error.count("\n") == 1
    assert not here.output.exists()


def test_divergence_leaves_the_progress_up_to_the_epoch_before(
    halted: Place, undisturbed: Callable[[str], dict[str, bytes]], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(SASRec, "losses", lambda self, batch: {"ce": self.item_embedding.weight.sum() * torch.inf})
        for _ in range(2):
            assert cli.main(halted.arguments) == 1
            told = capsys.readouterr()
            assert told.out == f"pretrain: continuing after epoch 3 of {EPOCHS}\n"
            assert "inf at epoch 4, step 1;" in told.err
    assert cli.main(halted.arguments) == 0
    assert halted.checkpoint() == undisturbed("pretrain")
