"""Step `publish`: what every user liked goes to the feature store, where the service reads it."""

import json
from pathlib import Path

import numpy as np

from adrec import config
from adrec.data.build import keep_positives
from adrec.data.dataset import Dataset
from adrec.data.interactions import ITEM, TIMESTAMP, USER, read
from adrec.files import new_file
from components.expectations import history_checks
from features import histories, monitoring, store


def run(
    *,
    interactions: Path,
    versioned: Path,
    dataset: Path,
    prepare: config.Prepare,
    publish: config.Publish,
    published: Path,
) -> None:
    """Fill the feature store with the liked `interactions` and write what was published to the JSON file `published`.

    The histories are whole: the held-out targets are past by the time that somebody asks for a recommendation. How many
    interactions a user or an item has is not asked, as `append` does not: that is for training alone. The prepared
    `dataset` says what training saw, which is kept beside them for `drift`.
    """
    version = json.loads(versioned.read_text())
    rows = keep_positives(read(interactions), prepare.min_rating).select(USER, ITEM, TIMESTAMP)
    history_checks.check_features(histories.latest(rows, publish.max_length), publish.max_length)
    store.publish(rows, publish, prepare.min_rating)
    monitoring.write(profile_of(Dataset.read(dataset), publish.max_length))
    summary = {
        "feature_service": store.SERVICE,
        "users": rows[USER].n_unique(),
        "interactions": rows.height,
        "max_length": publish.max_length,
        "data_hash": version["data_hash"],
    }
    with new_file(published) as unfinished:
        unfinished.write_text(json.dumps(summary, indent=2) + "\n")


def profile_of(dataset: Dataset, max_length: int) -> monitoring.Profile:
    """What training sees of the histories, for `drift` to hold against what the service is asked."""
    recent = dataset.histories.last(max_length)
    counts = np.bincount(recent.items, minlength=len(dataset.catalogue) + 1)[1:]
    lengths, users = np.unique(recent.lengths, return_counts=True)
    return monitoring.Profile(
        data_tag=str(dataset.about["data_tag"]),
        lengths=dict(zip(lengths.tolist(), users.tolist(), strict=True)),
        items=dict(zip(dataset.catalogue.items, counts.tolist(), strict=True)),
    )
