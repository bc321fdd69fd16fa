"""What is measured of a trained network: its ranks of the test items, and what ADRec's diffusion has to do with them.

Legend: M tokens, D width; S of the T steps of the reverse process.
"""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import numpy as np
import torch

from adrec import config
from adrec.data.dataset import Dataset
from adrec.evaluation.metrics import means, overlap
from adrec.evaluation.ranking import network_scorer, rank_and_recommend
from adrec.nn import losses
from adrec.nn.batches import DeviceHistories, shuffled
from adrec.recommenders.adrec import ADRec
from adrec.recommenders.base import EmbeddingNetwork

CUTOFFS = (5, 10, 20)
TOP = 20
FEWER_STEPS = (8, 1)
BATCH_SIZE = 512  # of the released code, too


def measure(network: EmbeddingNetwork, data: Dataset, model: config.Model, device: torch.device) -> dict[str, Any]:
    """Test metrics and, of an ADRec, those in fewer reverse steps and the error of its denoiser.

    Args:
        network: in evaluation mode, on `device`.
        data: its test targets are ranked among the whole catalogue, history not excluded.
        model: the network's configuration.
        device: where the network is.

    Raises:
        FloatingPointError: a score is not finite.
    """
    scorer = network_scorer(network, model.max_length, device)
    ranks, top = rank_and_recommend(scorer, *data.examples("test"), exclude_history=False, k=TOP)
    figures: dict[str, Any] = {"metrics": means(ranks, CUTOFFS), "batch_means": batch_means(ranks, CUTOFFS)}
    if isinstance(network, ADRec):
        fewer = [steps for steps in FEWER_STEPS if steps < model.diffusion_steps]
        figures["reverse_steps"] = {str(steps): in_steps(network, steps, data, model, device, top) for steps in fewer}
        figures["denoising"] = denoising(network, data, model, device)
    return figures


def batch_means(ranks_U: np.ndarray, cutoffs: Sequence[int]) -> dict[str, float]:
    """HR and NDCG as the released code has them: means of the means of batches, 512 users each in the file's order.

    Users of a smaller last batch weigh more; where they are easier to serve than others, the figures are higher.
    """
    batches = [means(ranks_U[start : start + BATCH_SIZE], cutoffs) for start in range(0, len(ranks_U), BATCH_SIZE)]
    return {name: fmean(batch[name] for batch in batches) for name in batches[0]}


def in_steps(
    network: ADRec, steps: int, data: Dataset, model: config.Model, device: torch.device, everything_UK: np.ndarray
) -> dict[str, float]:
    """HR and NDCG in `steps` reverse steps, and the share of the best items in all steps that are named again."""
    all_steps, scorer = len(network.reversal), network_scorer(network.in_steps(steps), model.max_length, device)
    ranks, top_UK = rank_and_recommend(scorer, *data.examples("test"), exclude_history=False, k=TOP)
    network.in_steps(all_steps)
    return {**means(ranks, [TOP]), "overlap": float(overlap(everything_UK, top_UK).mean())}


@torch.no_grad()
def denoising(network: ADRec, data: Dataset, model: config.Model, device: torch.device) -> dict[str, float]:
    """Mean squared error of the denoised embeddings at random noise levels, and that of answering zero.

    Over all users with their test items, in evaluation mode; both are means over users of means over tokens.
    """
    torch.manual_seed(model.seed)
    random = np.random.default_rng(model.seed)
    weight, network.denoising_weight = network.denoising_weight, 1.0
    totals: dict[str, float] = {"mse": 0.0, "mse_of_zero": 0.0}
    resident = DeviceHistories.of(data.histories, model.max_length, device)
    for batch in shuffled(resident, BATCH_SIZE, random, num_sink_tokens=network.padding.num_sink_tokens):
        clean_MD = network.clean(batch.targets_M)
        zero = losses.denoising(torch.zeros_like(clean_MD), clean_MD, batch.inverse_length_M)
        users = len(batch.layout.lengths_B)
        totals["mse"] += users * float(network.losses(batch)["mse"])
        totals["mse_of_zero"] += users * float(zero)
    network.denoising_weight = weight
    return {name: total / len(data.histories) for name, total in totals.items()}
