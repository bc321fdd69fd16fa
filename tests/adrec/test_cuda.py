"""The same code on a GPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from adrec import config
from adrec.data.dataset import Dataset
from adrec.evaluation.ranking import network_scorer, rank_targets
from adrec.nn.batches import DeviceHistories, pack, shuffled
from adrec.nn.padding import PADDINGS
from adrec.training import stages
from adrec.training.trainer import step

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA")]


def test_loss_gradients_and_ranks_are_those_of_the_cpu(tiny: dict[str, config.Section], tiny_dataset: Path) -> None:
    data = Dataset.read(tiny_dataset)
    stage = stages.pretrain_stage(tiny["pretrain"])
    histories, targets = data.examples("test")
    losses, gradients, ranks = [], [], []
    for device in ("cpu", "cuda"):
        train_state = stages.begin(stage, replace(tiny["model"], device=device), len(data.catalogue), {})
        train_state.network.eval()
        resident = DeviceHistories.of(data.training, 64, train_state.device)
        loss = train_state.network.losses(pack(resident, np.arange(20), 64))["ce"]
        loss.backward()
        losses.append(loss.detach().cpu())
        gradients.append(train_state.network.item_embedding.weight.grad.cpu())
        scorer = network_scorer(train_state.network, tiny["model"].max_length, train_state.device)
        ranks.append(rank_targets(scorer, histories, targets, exclude_history=True))
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-3, atol=1e-5)
    assert (ranks[0] == ranks[1]).mean() > 0.99  # float order may swap near ties


@pytest.mark.parametrize("compiled", [False, True])
def test_the_three_stages_train(compiled: bool, tiny: dict[str, config.Section], tiny_dataset: Path) -> None:
    data = Dataset.read(tiny_dataset)
    model = replace(tiny["model"], device="cuda", compile=compiled)
    weights, moments = {}, {}
    for stage in (
        stages.pretrain_stage(tiny["pretrain"]),
        stages.warmup_stage(tiny["warmup"]),
        stages.finetune_stage(tiny["finetune"]),
    ):
        train_state = stages.begin(stage, model, len(data.catalogue), weights, moments)
        epochs = list(stages.train(stage, train_state, data, model))
        assert len(epochs) == stage.options.epochs
        weights, moments = train_state.weights(), stages.moments(train_state)
        if stage.name == "pretrain":
            weights, moments = stages.embeddings_of(weights), {}


@contextmanager
def nobody_waiting() -> Iterator[None]:
    """What makes the host wait for the GPU is an error."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("attention", PADDINGS)
def test_the_host_waits_for_no_step(attention: str, tiny: dict[str, config.Section], tiny_dataset: Path) -> None:
    data = Dataset.read(tiny_dataset)
    model = replace(tiny["model"], device="cuda", attention=attention)
    for stage in (stages.pretrain_stage(tiny["pretrain"]), stages.finetune_stage(tiny["finetune"])):
        train_state = stages.begin(stage, model, len(data.catalogue), {})
        resident = DeviceHistories.of(data.training, model.max_length, train_state.device)
        batches = shuffled(
            resident, 32, np.random.default_rng(0), num_sink_tokens=train_state.network.padding.num_sink_tokens
        )
        with nobody_waiting():
            for batch in batches:
                step(train_state, train_state.network, batch, stage.combine, stage.before_step)
