"""What is recommended where no history is known: the store's popular items, else those packaged with the model."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from adrec.data.catalogue import Catalogue
from adrec.inference import Recommender
from features import store
from features.errors import UnavailableError
from serving import metrics

SECONDS = 60.0  # for which a ranking is believed

logger = logging.getLogger(__name__)


class Fallback:
    """Keeps the popularity of a model as fresh as the feature store's ranking."""

    def __init__(self, packaged: Recommender, opened: store.Store) -> None:
        self._packaged, self._store = packaged, opened
        self._model, self._until = packaged, 0.0

    @property
    def due(self) -> bool:
        """Whether `model` is to read the store, which may take as long as a store that does not answer."""
        return time.monotonic() >= self._until

    def model(self) -> Recommender:
        """The model with the popularity of this minute, or with the last one where the store cannot be read."""
        if self.due:
            self._until = time.monotonic() + SECONDS  # first: one request a minute tries, whatever becomes of it
            try:
                ranked = store.popular(self._store)
            except UnavailableError as error:
                metrics.unread.labels("ranking").inc()
                logger.warning("the ranking of popular items stays as it is: %s", error)
            else:
                counts_V = popularity(self._packaged.counts_V, self._packaged.catalogue, ranked)
                self._model = replace(self._packaged, counts_V=counts_V)
        return self._model


def popularity(packaged_V: Tensor, catalogue: Catalogue, ranked: Sequence[tuple[str, float]]) -> Tensor:
    """A score for each item of the catalogue [V]: places in the ranking from its end, and below 1 the packaged order.

    Places, not the scores of the ranking: those fall by powers of two, soon below what float32 can tell from 0.
    """
    numbers = torch.from_numpy(catalogue.numbers([item for item, _ in ranked])).long()
    numbers = numbers[numbers > 0]
    if not len(numbers):
        return packaged_V
    fresh_V = packaged_V / (packaged_V.max() + 1)
    fresh_V[numbers - 1] = torch.arange(len(numbers), 0, -1, dtype=fresh_V.dtype)
    return fresh_V
