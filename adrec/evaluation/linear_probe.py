"""What a linear layer reads out of frozen item embeddings: the probe of the paper's Appendix C.

Legend: N items, D width, G labels. The paper gives the layers (batch norm, linear), the loss (binary cross-entropy),
the optimiser (Adam, 0.01) and the epochs (20). The rest is decided here: five seeded folds, so that every item is read
once by a probe that did not see it; batches of about 64 items; a label is predicted where its probability is at least
a half; counts are pooled over items and labels (micro averages), so that a label that no item has changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

EPOCHS = 20
LEARNING_RATE = 0.01
BATCH_SIZE = 64  # at least this many, so that none is left with a single item
FOLDS = 5


@dataclass(frozen=True)
class Reading:
    """How well labels were read: micro averages over items and labels, in 0..1."""

    precision: float
    recall: float
    f1: float


def probe(E_ND: np.ndarray, labels_NG: np.ndarray, seed: int = 0) -> Reading:
    """How well a linear layer reads the labels of items that it was not trained on.

    Args:
        E_ND: the table, without the padding row; it is not changed.
        labels_NG: which item has which label, bool.
        seed: of the folds, the initial weights and the order of batches; the global generators stay as they were.

    Raises:
        ValueError: the labels are not one row for each item, or the items are fewer than two a fold.
    """
    if len(labels_NG) != len(E_ND):
        raise ValueError(f"{len(labels_NG)} rows of labels for {len(E_ND)} items")
    predicted_NG = np.zeros_like(labels_NG)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for train, held_out in folds(len(E_ND), seed):
            layers = _fitted(_float(E_ND[train]), _float(labels_NG[train]))
            with torch.no_grad():
                predicted_NG[held_out] = (layers(_float(E_ND[held_out])) >= 0).numpy()
    return reading(predicted_NG, labels_NG)


def most_frequent(labels_NG: np.ndarray, seed: int = 0) -> Reading:
    """What can be had without looking at the embeddings: the same labels for every item of a fold.

    These are the most frequent labels of the other folds, as many as give the best F1 there.
    """
    predicted_NG = np.zeros_like(labels_NG)
    for train, held_out in folds(len(labels_NG), seed):
        predicted_NG[held_out] = _best_constant(labels_NG[train])
    return reading(predicted_NG, labels_NG)


def folds(num_items: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Indices of the training items and of the held-out ones: a seeded permutation cut into `FOLDS` parts."""
    if num_items < 2 * FOLDS:
        raise ValueError(f"{num_items} items are too few for {FOLDS} folds of two")
    order = np.random.default_rng(seed).permutation(num_items)
    for held_out in np.array_split(order, FOLDS):
        yield np.setdiff1d(order, held_out), held_out


def reading(predicted_NG: np.ndarray, labels_NG: np.ndarray) -> Reading:
    """Micro precision, recall and F1 of predicted labels; a share of nothing is 0.

    >>> reading(np.array([[True, True]]), np.array([[True, False]])).precision
    0.5
    """
    hits = int((predicted_NG & labels_NG).sum())
    named, true = int(predicted_NG.sum()), int(labels_NG.sum())
    return Reading(hits / max(named, 1), hits / max(true, 1), 2 * hits / max(named + true, 1))


def _fitted(E_ND: Tensor, labels_NG: Tensor) -> nn.Module:
    """The trained probe, in evaluation mode."""
    layers = nn.Sequential(nn.BatchNorm1d(E_ND.shape[1]), nn.Linear(E_ND.shape[1], labels_NG.shape[1]))
    optimizer = torch.optim.Adam(layers.parameters(), lr=LEARNING_RATE)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(E_ND)).tensor_split(max(1, len(E_ND) // BATCH_SIZE)):
            loss = nn.functional.binary_cross_entropy_with_logits(layers(E_ND[batch]), labels_NG[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return layers.eval()


def _best_constant(labels_NG: np.ndarray) -> np.ndarray:
    """The one set of labels [G] that, said of every item, has the best F1."""
    by_frequency = np.argsort(-labels_NG.sum(axis=0), kind="stable")
    answers = [np.isin(np.arange(len(by_frequency)), by_frequency[:count]) for count in range(1, len(by_frequency) + 1)]
    return max(answers, key=lambda answer_G: reading(np.broadcast_to(answer_G, labels_NG.shape), labels_NG).f1)


def _float(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
