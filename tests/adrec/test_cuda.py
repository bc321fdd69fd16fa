"""The same code on a GPU."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from adrec import config, stages
from adrec.batches import pack
from adrec.ranking import network_scorer, rank_targets
from adrec.sequences import Dataset

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA")]


def test_loss_gradients_and_ranks_are_those_of_the_cpu(tiny: dict[str, config.Section], tiny_dataset: Path) -> None:
    data = Dataset.read(tiny_dataset)
    stage = stages.pretrain_stage(tiny["pretrain"])
    histories, targets = data.questions("test")
    losses, gradients, ranks = [], [], []
    for device in ("cpu", "cuda"):
        learner = stages.begin(stage, replace(tiny["model"], device=device), len(data.catalogue), {})
        learner.network.eval()
        loss = learner.network.losses(pack(data.training, np.arange(20), 64).to(learner.device))["ce"]
        loss.backward()
        losses.append(loss.detach().cpu())
        gradients.append(learner.network.item_embedding.weight.grad.cpu())
        scorer = network_scorer(learner.network, tiny["model"].max_length, learner.device)
        ranks.append(rank_targets(scorer, histories, targets, exclude_history=True))
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-3, atol=1e-5)
    assert (ranks[0] == ranks[1]).mean() > 0.99  # float order may swap near ties


def test_the_three_stages_train(tiny: dict[str, config.Section], tiny_dataset: Path) -> None:
    data = Dataset.read(tiny_dataset)
    model = replace(tiny["model"], device="cuda")
    weights, moments = {}, {}
    for stage in (
        stages.pretrain_stage(tiny["pretrain"]),
        stages.warmup_stage(tiny["warmup"]),
        stages.finetune_stage(tiny["finetune"]),
    ):
        learner = stages.begin(stage, model, len(data.catalogue), weights, moments)
        epochs = list(stages.train(stage, learner, data, model))
        assert len(epochs) == stage.options.epochs
        weights, moments = learner.weights(), stages.moments(learner)
        if stage.name == "pretrain":
            weights, moments = stages.embeddings_of(weights), {}
