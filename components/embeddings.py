"""What was learned about the items: the embedding tables of the candidates, measured beside a Gaussian control."""

from dataclasses import asdict
from typing import Any

import numpy as np

from adrec.sequences import Dataset

CONTROL = "gaussian"


def tables_of(candidates: dict[str, Any]) -> dict[str, np.ndarray]:
    """The table [N, D] of each candidate checkpoint, by its name, after a Gaussian one of the same size."""
    from adrec.geometry import gaussian_control
    from adrec.stages import ITEM_EMBEDDING

    learned = {name: candidate.weights[ITEM_EMBEDDING][1:].numpy() for name, candidate in candidates.items()}
    return {CONTROL: gaussian_control(*next(iter(learned.values())).shape), **learned}


def measure(tables: dict[str, np.ndarray], data: Dataset) -> dict[str, Any]:
    """The geometry of every table; and, for the demo world, how well a probe reads the items' clusters from it."""
    from adrec.geometry import measures

    measured: dict[str, Any] = {"geometry": {name: measures(table) for name, table in tables.items()}}
    if "demo" in data.about:
        measured["cluster_probe"] = readings(tables, demo_clusters(data))
    return measured


def readings(tables: dict[str, np.ndarray], labels_NG: np.ndarray) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of the linear probe on each table, after those of the most frequent labels alone."""
    from adrec.probe import most_frequent, probe

    found = {"most_frequent": most_frequent(labels_NG)}
    found |= {name: probe(table, labels_NG) for name, table in tables.items()}
    return {name: asdict(reading) for name, reading in found.items()}


def demo_clusters(data: Dataset) -> np.ndarray:
    """Which item of the demo world belongs to which cluster, bool [N, clusters]: known, and told to no model."""
    from adrec import demo

    world = demo.World.create(data.about["demo"]["items"], data.about["demo"]["seed"])
    index_N = np.array([demo.item_index(item) for item in data.catalogue.items])
    cluster_N: np.ndarray = world.clusters[index_N]
    return cluster_N[:, None] == np.arange(demo.CLUSTERS)
