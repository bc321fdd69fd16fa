"""A packaged model that answers: from a history of external item ids to the best k items.

Legend: V items.
"""

import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import polars as pl
import torch
from torch import Tensor

from adrec.data.catalogue import Catalogue
from adrec.data.dataset import Dataset
from adrec.data.interactions import ITEM
from adrec.evaluation.ranking import best
from adrec.files import new_folder
from adrec.recommenders.base import EmbeddingNetwork, HistoryEncoder
from adrec.recommenders.popularity import count
from adrec.training.checkpoint import ABOUT_FILE, WEIGHTS_FILE, Checkpoint

POPULARITY_FILE = "popularity.parquet"


@dataclass(frozen=True)
class Recommendation:
    """The answer to one request.

    Attributes:
        items: external ids, best first, of equally good ones the earlier in the catalogue; fewer than k where too few
            remain.
        scores: one an item, falling; comparable only within one answer.
        strategy: `sequence` where the model read a history, `popular` where there was none that it knows.
        unknown: ids of the history that the catalogue does not have; they were left out.
    """

    items: list[str]
    scores: list[float]
    strategy: Literal["sequence", "popular"]
    unknown: list[str]


@dataclass(frozen=True)
class Recommender:
    """A trained network with its catalogue and the popularity that it falls back on.

    Attributes:
        about: the checkpoint's description (configuration, seed, hashes of the data).
        counts_V: training interactions with each item, float32.
    """

    network: EmbeddingNetwork
    catalogue: Catalogue
    counts_V: Tensor
    about: dict[str, Any]

    @classmethod
    def load(cls, folder: Path, steps: int = 0) -> Self:
        """Read what `write_model` wrote.

        Args:
            folder: the model folder.
            steps: reverse steps behind each answer; 0 for all that the network was trained with.

        Raises:
            ValueError: the catalogue is not the one that the network was trained on, or it has fewer steps.
        """
        checkpoint = Checkpoint.read(folder)
        catalogue = Catalogue.read(folder)
        if catalogue.hash != checkpoint.about["catalogue_hash"]:
            raise ValueError(
                f"{folder}: the catalogue's hash is {catalogue.hash[:12]}, but the model was trained on "
                f"{checkpoint.about['catalogue_hash'][:12]}; package the model again"
            )
        counts = pl.read_parquet(folder / POPULARITY_FILE)["count"].to_numpy().astype(np.float32)
        network = checkpoint.network()
        network = network.in_steps(steps) if steps else network
        return cls(network, catalogue, torch.from_numpy(counts), checkpoint.about)

    def recommend(
        self, history: Sequence[str], k: int, *, exclude: Collection[str] = (), exclude_seen: bool = True
    ) -> Recommendation:
        """The best `k` items after `history` (oldest first).

        Args:
            history: external ids; those that the catalogue does not have are left out and reported.
            k: at least 1.
            exclude: external ids never to return.
            exclude_seen: never return items of the history either.

        Raises:
            ValueError: `k` is below 1.
        """
        if k < 1:
            raise ValueError(f"k = {k} must be at least 1")
        known = self.catalogue.encode(history)
        barred = np.concatenate([self.catalogue.encode(list(exclude)), known if exclude_seen else known[:0]])
        scores_V = self._scores(known).clone()
        scores_V[torch.from_numpy(barred.astype(np.int64) - 1)] = -torch.inf
        columns_K = best(scores_V, min(k, int(scores_V.isfinite().sum())))
        return Recommendation(
            items=self.catalogue.decode(columns_K.numpy() + 1),
            scores=scores_V[columns_K].tolist(),
            strategy="sequence" if len(known) else "popular",
            unknown=self.catalogue.unknown(history),
        )

    @cached_property
    def _represent(self) -> HistoryEncoder:
        return self.network.prepared()

    @torch.inference_mode()
    def _scores(self, known: np.ndarray) -> Tensor:
        """A score for each item [V]: the network's after these item numbers, the counts where there are none."""
        if not len(known):
            return self.counts_V
        recent = known[-self.about["config"]["model"]["max_length"] :].astype(np.int64)
        x_1D = self._represent(torch.from_numpy(recent)[None], torch.tensor([len(recent)]))
        return (x_1D @ self.network.item_embedding.weight[1:].T)[0]


def write_model(folder: Path, checkpoint: Path, dataset: Dataset) -> None:
    """Write a model folder: the weights of `checkpoint`, without the optimiser, and what serving needs beside them."""
    counts = count(dataset.training, len(dataset.catalogue))
    with new_folder(folder) as unfinished:
        for name in (WEIGHTS_FILE, ABOUT_FILE):
            shutil.copyfile(checkpoint / name, unfinished / name)
        dataset.catalogue.write(unfinished)
        pl.DataFrame({ITEM: dataset.catalogue.items, "count": counts}).write_parquet(unfinished / POPULARITY_FILE)
