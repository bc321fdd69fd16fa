"""What a step computes at least, and what is made of its time."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from adrec.data.dataset import Dataset
from adrec.nn.batches import DeviceHistories, pack
from adrec.training import stages
from benchmarks.speed import training_rate
from benchmarks.speed.training import train_state
from benchmarks.speed.training_rate import Rates


@pytest.fixture(scope="module")
def data(tiny_dataset: Path) -> Dataset:
    return Dataset.read(tiny_dataset)


def test_all_products_of_a_step_are_counted(data: Dataset, tiny: dict[str, Any]) -> None:
    stage, model = stages.pretrain_stage(tiny["pretrain"]), tiny["model"]
    student = train_state(stage, model, len(data.catalogue))
    batch = pack(DeviceHistories.of(data.training, model.max_length), np.arange(len(data.training)), model.max_length)
    rows, width = batch.layout.segments_RW.shape
    linear = 12 * model.dimension**2  # four of attention, eight of feed-forward
    attention = 2 * width * model.dimension  # logits and what they weigh
    in_blocks = model.encoder_blocks * rows * width * (linear + attention)
    in_loss = len(batch.items_M) * len(data.catalogue) * model.dimension
    expected = 2 * 3 * (in_blocks + in_loss)  # multiply and add; forward, and backward by inputs and by weights
    assert training_rate.operations(student, data.training, model.max_length) == expected
    assert all(weight.grad is None for weight in student.network.parameters())


def test_the_floor_is_the_longer_of_products_and_copies() -> None:
    rates = Rates(product=100.0, copy=28.0)
    assert rates.floor(operations=500, weights=3) == 5
    assert rates.floor(operations=100, weights=3) == 3


def test_the_first_run_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0, 100, 100, 101, 101, 103, 103, 106])
    monkeypatch.setattr(training_rate, "now", lambda: next(clock))
    assert training_rate.median_seconds(lambda: None, rounds=3) == 2


def test_a_step_and_an_epoch_are_told_of_each_stage(data: Dataset, tiny: dict[str, Any]) -> None:
    model, rates = (
        replace(tiny["model"], precision="bfloat16"),
        Rates.measured(torch.device("cpu"), torch.float32, 1, 8, 8),
    )
    steps, epochs = {}, {}
    for name, stage in (
        ("stage 1", stages.pretrain_stage(tiny["pretrain"])),
        ("stage 3", stages.finetune_stage(tiny["finetune"])),
    ):
        steps[name] = {"bfloat16": training_rate.of_step(stage, model, len(data.catalogue), data.training, rates, 1)}
        epochs[name] = training_rate.of_epoch(stage, model, data, 1)
    found = steps["stage 3"]["bfloat16"]
    lines = training_rate.table({"steps": steps, "epochs": {"demo": epochs}}).splitlines()
    assert lines[3].startswith(f"| stage 3 | bfloat16 | {found['tokens_per_second']:,.0f} |")
    assert lines[-1].startswith(f"| demo | {epochs['stage 1']:.2f} |")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_without_a_gpu_nothing_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["training_rate"])
    with pytest.raises(SystemExit, match="needs a GPU"):
        training_rate.main()
