"""Compiled blocks train as eager ones do, and are asked for in vain nowhere."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch._dynamo.testing import CompileCounter
from torch._dynamo.utils import counters

from adrec import config
from adrec.data.dataset import Dataset
from adrec.nn.packing import Layout
from adrec.nn.padding import PADDINGS
from adrec.nn.transformer import Encoder
from adrec.training import stages
from adrec.training.compile import LIMITS, OPTIONS, ROWS, SHAPES, multiple
from adrec.training.trainer import TrainState

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="this machine has no C++ compiler")


@pytest.fixture(scope="module")
def dataset(tiny_dataset: Path) -> Dataset:
    return Dataset.read(tiny_dataset)


def trained(model: config.Model, tiny: dict[str, config.Section], dataset: Dataset) -> TrainState:
    """After stage 3 from random weights, in rows as compiled blocks have them."""
    stage = stages.finetune_stage(tiny["finetune"])
    rows = multiple(stage.options.batch_size)
    train_state = replace(stages.begin(stage, model, len(dataset.catalogue), {}), multiple=rows)
    for _ in stages.train(stage, train_state, dataset, model):
        pass
    return train_state


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize(("attention", "precision"), [("masked", "float32"), ("sink", "bfloat16")])
def test_compiled_blocks_train_as_eager_ones_do(
    attention: str, precision: str, tiny: dict[str, config.Section], dataset: Dataset
) -> None:
    eager, compiled = (
        trained(replace(tiny["model"], attention=attention, precision=precision, compile=on), tiny, dataset)
        for on in (False, True)
    )
    rounding = 1e-4 if precision == "float32" else 1e-2
    for ours, theirs in zip(compiled.log, eager.log, strict=True):
        assert ours.losses == pytest.approx(theirs.losses, rel=rounding)


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("attention", PADDINGS)
def test_nothing_in_a_block_interrupts_the_graph(attention: str) -> None:
    layout = Layout.of(np.array([3, 2, 5]), 5, PADDINGS[attention](8).num_sink_tokens)
    encoder, x_RWD = Encoder(1, 16, 2, 0.5).train(), torch.randn(*layout.segments_RW.shape, 16)
    outputs = []
    for options in ({}, {"fullgraph": True, "options": OPTIONS}):  # a break would be an error
        if options:
            encoder.compile(dynamic=False, **options)
        torch.manual_seed(0)
        outputs.append(encoder(x_RWD, PADDINGS[attention](8).over_rows(layout)))
    torch.testing.assert_close(*outputs)


@pytest.mark.slow
@needs_compiler
def test_validation_compiles_nothing(tiny: dict[str, config.Section], dataset: Dataset) -> None:
    model = replace(tiny["model"], compile=True)
    torch._dynamo.reset()  # what other tests compiled serves this one too
    counters.clear()
    train_state = trained(model, tiny, dataset)
    compiled = counters["stats"]["unique_graphs"]
    assert compiled > 0
    stages.validate(train_state, dataset, replace(model, max_length=5))
    assert counters["stats"]["unique_graphs"] == compiled


@pytest.mark.parametrize("batch_size", [1, 16, 511, 512, 513, 4096, 100_001])
def test_a_batch_comes_in_no_more_numbers_of_rows_than_are_compiled(batch_size: int) -> None:
    assert ROWS <= multiple(batch_size) <= max(ROWS, batch_size)
    assert multiple(batch_size) * SHAPES >= batch_size


def test_each_number_of_rows_is_compiled_once() -> None:
    graphs, encoder = CompileCounter(), Encoder(1, 16, 2, 0.0)
    encoder.compile(dynamic=False, backend=graphs, **LIMITS)
    for _ in range(2):
        for rows in range(1, SHAPES + 1):
            encoder(torch.zeros(rows, 3, 16), torch.ones(rows, 1, 3, 3, dtype=torch.bool))
    assert graphs.frame_count == SHAPES


def test_a_compiler_is_found_behind_its_wrapper(
    tiny: dict[str, config.Section], dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "env g++")
    stage, model = stages.finetune_stage(tiny["finetune"]), replace(tiny["model"], compile=True)
    assert stages.begin(stage, model, len(dataset.catalogue), {}).multiple == ROWS


def test_a_missing_compiler_is_named_before_training(
    tiny: dict[str, config.Section], dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ValueError, match=r"model\.compile = true needs a C\+\+ compiler.*'no-such-compiler'"):
        trained(replace(tiny["model"], compile=True), tiny, dataset)


@pytest.mark.parametrize("gradients", ["mean", "pcgrad"])
def test_compiled_blocks_run_backward_once(gradients: str, tiny: dict[str, config.Section], dataset: Dataset) -> None:
    stage = stages.finetune_stage(replace(tiny["finetune"], gradients=gradients))
    with pytest.raises(ValueError, match=r"goes only with finetune\.gradients = 'sum'"):
        stages.begin(stage, replace(tiny["model"], compile=True), len(dataset.catalogue), {})


def test_the_weights_go_by_the_same_names(tiny: dict[str, config.Section], dataset: Dataset) -> None:
    stage, num_items = stages.finetune_stage(tiny["finetune"]), len(dataset.catalogue)
    eager, compiled = (stages.begin(stage, replace(tiny["model"], compile=on), num_items, {}) for on in (False, True))
    assert all(
        name == other and torch.equal(weight, same)
        for (name, weight), (other, same) in zip(
            eager.network.state_dict().items(), compiled.network.state_dict().items(), strict=True
        )
    )
