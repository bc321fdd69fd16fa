"""What the reverse process makes of the ranking: its steps, several draws of its noise, calibration and diversity.

Legend: K draws of the scores of U users for V items; S reverse steps; W items in a list; D width.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from adrec.data.dataset import Dataset
from adrec.data.splits import Part
from adrec.evaluation.metrics import means, overlap
from adrec.evaluation.ranking import blocks, network_scorer, ranks_in
from adrec.recommenders.adrec import SEED, ADRec
from benchmarks.quality.calibration import calibration, fitted_temperature, probabilities

TOP = 20
STEPS = (1, 2, 4, 8, 16, 32)
SEVERAL = (1, 4, 16)  # draws averaged
FITTED_ON = 4  # draws at most, for the temperature
Figures = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Answers:
    """What a network, which is set to S steps, answers to the questions of one split.

    Attributes:
        draws_KUV: scores by draw of the noise.
        targets_U: item numbers asked for.
    """

    draws_KUV: Tensor
    targets_U: np.ndarray

    @property
    def columns_U(self) -> Tensor:
        """The targets' columns, int64."""
        return torch.from_numpy(self.targets_U.astype(np.int64) - 1)

    def ranked(self, draws: int) -> dict[str, float]:
        """Metrics of the mean of the first `draws` scores."""
        return means(ranks_in(self.draws_KUV[:draws].mean(dim=0), self.targets_U), [TOP])

    def best(self, draw: int) -> np.ndarray:
        """The best items by one draw, int64 [U, W]."""
        return _best(self.draws_KUV[draw])


Ask = Callable[[Part, int, int], Answers]  # of a split, S and K


def ask(network: ADRec, data: Dataset, max_length: int, split: Part, steps: int, draws: int) -> Answers:
    """Score the whole catalogue for all users in `steps` reverse steps, with `draws` seeds of the noise."""
    histories, targets_U = data.examples(split)
    device = network.item_embedding.weight.device
    draws_KUV = torch.empty(draws, len(targets_U), network.item_embedding.num_embeddings - 1)
    all_steps = len(network.reversal)
    network.in_steps(steps)
    for draw in range(draws):
        network.sampling_seed = SEED + draw
        score = network_scorer(network, max_length, device)
        for users, scores_BV in blocks(score, histories, exclude_history=False):
            draws_KUV[draw, torch.from_numpy(users)] = scores_BV.cpu()
    network.sampling_seed = SEED
    network.in_steps(all_steps)
    return Answers(draws_KUV, targets_U)


def by_steps(ask: Ask, steps: Sequence[int] = STEPS) -> Figures:
    """Metrics in each number of steps, and the share of the best items in one step that are named again."""
    answers = {each: ask("test", each, 1) for each in (1, *steps)}
    return {
        str(each): {
            **answers[each].ranked(1),
            "as_in_one": float(overlap(answers[1].best(0), answers[each].best(0)).mean()),
        }
        for each in steps
    }


def by_draws(ask: Ask, items_VD: Tensor, steps: int, several: Sequence[int] = SEVERAL) -> dict[str, Any]:
    """What averaging draws gives in `steps` steps, as probabilities, and how various the answers are.

    Returns:
        `ranking` by number of draws, `calibration` of the fewest and the most draws, `diversity` of single draws.
    """
    test, validation = ask("test", steps, max(several)), ask("validation", steps, min(FITTED_ON, max(several)))
    return {
        "ranking": {str(draws): test.ranked(draws) for draws in several},
        "calibration": {str(draws): calibrated(validation, test, draws) for draws in (several[0], several[-1])},
        "diversity": diversity(test, F.normalize(items_VD, dim=-1)),
    }


def calibrated(validation: Answers, test: Answers, draws: int) -> dict[str, float]:
    """Figures of the mean softmax over `draws`, at the temperature that suits validation best; its metrics too."""
    temperature = fitted_temperature(validation.draws_KUV[:draws], validation.columns_U)
    chances_UV = probabilities(test.draws_KUV[:draws], temperature)
    return {
        "temperature": temperature,
        **calibration(chances_UV, test.columns_U, TOP),
        **means(ranks_in(chances_UV, test.targets_U), [TOP]),
    }


def diversity(answers: Answers, items_VD: Tensor) -> dict[str, float]:
    """Of single draws: how much of the catalogue anyone is shown, how alike two draws are, and the items of a list.

    Args:
        answers: of two draws or more.
        items_VD: unit vectors of the items.
    """
    best_UW = answers.best(0)
    pairs = [items_VD[best_UW[:, one]] * items_VD[best_UW[:, two]] for one, two in combinations(range(TOP), 2)]
    return {
        "coverage": len(np.unique(best_UW)) / len(items_VD),
        "overlap": float(overlap(best_UW, answers.best(1)).mean()),
        "cosine": fmean(float(pair.sum(dim=-1).mean()) for pair in pairs),
    }


def _best(scores_UV: Tensor) -> np.ndarray:
    best: np.ndarray = scores_UV.topk(min(TOP, scores_UV.shape[1])).indices.numpy()
    return best
