"""What was learned about the items: the embedding tables of the candidates, measured beside a Gaussian control."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from adrec.data import item_labels
from adrec.data.dataset import Dataset

CONTROL = "gaussian"
LEAST_ITEMS = 20  # with labels: fewer tell nothing


@dataclass(frozen=True)
class Labels:
    """What M of the items are, which no model was told.

    Attributes:
        kind: what they are labels of: `clusters` of the demo world, or `categories` of a file.
        items_M: indices of these items in the tables, int64.
        labels_MG: which of them has which label, bool.
    """

    kind: str
    items_M: np.ndarray
    labels_MG: np.ndarray


def tables_of(candidates: dict[str, Any]) -> dict[str, np.ndarray]:
    """The table [N, D] of each candidate checkpoint, by its name, after a Gaussian one of the same size."""
    from adrec.evaluation.geometry import gaussian_control
    from adrec.training.stages import ITEM_EMBEDDING

    learned = {name: candidate.weights[ITEM_EMBEDDING][1:].numpy() for name, candidate in candidates.items()}
    return {CONTROL: gaussian_control(*next(iter(learned.values())).shape), **learned}


def measure(tables: dict[str, np.ndarray], labels: Labels | None) -> dict[str, Any]:
    """The geometry of every table; and, where labels are known, how well a probe reads them from it."""
    from adrec.evaluation.geometry import measures

    measured: dict[str, Any] = {"geometry": {name: measures(table) for name, table in tables.items()}}
    if labels is not None:
        measured["probe"] = {"of": labels.kind, "items": len(labels.items_M), "read": readings(tables, labels)}
    return measured


def readings(tables: dict[str, np.ndarray], labels: Labels) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of the linear probe on each table, after those of the most frequent labels alone."""
    from adrec.evaluation.linear_probe import most_frequent, probe

    found = {"most_frequent": most_frequent(labels.labels_MG)}
    found |= {name: probe(table[labels.items_M], labels.labels_MG) for name, table in tables.items()}
    return {name: asdict(reading) for name, reading in found.items()}


def labels_of(data: Dataset, file: str) -> Labels | None:
    """The categories that a file says items have; without a file, the clusters of the demo world; else nothing.

    Raises:
        FileNotFoundError, ValueError: as `item_labels.read`; or the file knows too few of the items to probe.
    """
    if file:
        try:
            known = item_labels.read(file)
        except (FileNotFoundError, ValueError) as error:
            raise type(error)(f"evaluate.item_categories: {error}") from None
        items_M, labels_MG = item_labels.table(known, data.catalogue.items)
        if len(items_M) < LEAST_ITEMS or not labels_MG.any():
            raise ValueError(
                f"evaluate.item_categories {file} knows {len(items_M)} of the catalogue's {len(data.catalogue)} items; "
                f"at least {LEAST_ITEMS} are needed, and a category. Are its ids those of the interactions?"
            )
        return Labels("categories", items_M, labels_MG)
    if "demo" in data.about:
        return Labels("clusters", np.arange(len(data.catalogue)), demo_clusters(data))
    return None


def demo_clusters(data: Dataset) -> np.ndarray:
    """Which item of the demo world belongs to which cluster, bool [N, clusters]: known, and told to no model."""
    from adrec.data import demo

    world = demo.World.create(data.about["demo"]["items"], data.about["demo"]["seed"])
    index_N = np.array([demo.item_index(item) for item in data.catalogue.items])
    cluster_N: np.ndarray = world.clusters[index_N]
    return cluster_N[:, None] == np.arange(demo.CLUSTERS)
