"""A training step that several processes share."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from adrec.training.checkpoint import Checkpoint
from components.runtime import processes, steps


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(processes.VARIABLE, "2")


def train(tiny: dict, dataset: Path, folder: Path) -> list[Checkpoint]:
    """The checkpoints of stages 1 and 2, without dropout: its masks follow from how tokens are laid out."""
    model = replace(tiny["model"], dropout=0.0, embedding_dropout=0.0).as_dict()
    common: dict[str, Any] = {"dataset": dataset, "model": model}
    # 51 users are shared unevenly, and the last batch has fewer.
    stage_1 = replace(tiny["pretrain"], batch_size=51).as_dict()
    stage_2 = replace(tiny["warmup"], epochs=2, batch_size=51).as_dict()
    steps.call("pretrain", **common, pretrain=stage_1, pretrained=folder / "pretrained")
    steps.call("warmup", **common, pretrained=folder / "pretrained", warmup=stage_2, warmed=folder / "warmed")
    return [Checkpoint.read(folder / name) for name in ("pretrained", "warmed")]


@pytest.mark.slow
def test_two_processes_give_the_losses_and_weights_of_one(
    tiny: dict, tiny_dataset: Path, tmp_path: Path, two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = train(tiny, tiny_dataset, tmp_path / "two")
    monkeypatch.setenv(processes.VARIABLE, "1")
    alone = train(tiny, tiny_dataset, tmp_path / "one")
    for ours, theirs in zip(shared, alone, strict=True):
        for stage, epochs in theirs.about["log"].items():
            for epoch, other in zip(epochs, ours.about["log"][stage], strict=True):
                assert other["losses"] == pytest.approx(epoch["losses"], rel=1e-5)
                assert (other["validation"] or {}) == pytest.approx(epoch["validation"] or {}, rel=1e-3)
        for name, weights in theirs.weights.items():
            torch.testing.assert_close(ours.weights[name], weights, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_what_one_of_them_refuses_ends_the_step_with_its_sentence(
    tiny: dict, tiny_dataset: Path, tiny_run: Path, tmp_path: Path, two: None, capfd: pytest.CaptureFixture[str]
) -> None:
    values = {"model": tiny["model"].as_dict(), "warmup": replace(tiny["warmup"], gradients="pcgrad").as_dict()}
    paths = {"dataset": tiny_dataset, "pretrained": tiny_run / "pretrained", "warmed": tmp_path / "warmed"}
    with pytest.raises(ValueError, match="warmup failed in one of its 2 processes"):
        steps.call("warmup", **paths, **values)
    told = "error: warmup: 2 processes can share warmup only with warmup.gradients = 'sum'"
    assert told in capfd.readouterr().err
    assert not (tmp_path / "warmed").exists()


@pytest.mark.parametrize("number", ["0", "two", "1.5", ""])
def test_their_number_is_a_whole_one(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(processes.VARIABLE, number)
    with pytest.raises(ValueError, match=f"ADREC_PROCESSES = '{number}' must be a whole number of at least 1"):
        processes.count()
