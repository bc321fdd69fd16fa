"""The best possible ranking of the demo world: the true probability of each next item, by Bayes' rule."""

import numpy as np
import torch
from torch import Tensor

from adrec.data import demo
from adrec.data.catalogue import Catalogue
from adrec.data.histories import Histories
from adrec.recommenders.base import Scorer


def oracle_scorer(world: demo.World, catalogue: Catalogue) -> Scorer:
    """Score by the probability that `world` gives to each item of the catalogue after the whole history."""
    index_V = np.array([demo.item_index(item) for item in catalogue.items])

    def score(histories: Histories, users: np.ndarray) -> Tensor:
        rows = [histories.items[histories.offsets[user] : histories.offsets[user + 1]] for user in users]
        lives = [index_V[row - 1] for row in rows]
        return torch.from_numpy(np.stack([world.next_item(world.belief(life), life)[index_V] for life in lives]))

    return score
