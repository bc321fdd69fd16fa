"""Where the steps run on a cluster: image, accelerator and volume, read from the environment.

* `ADREC_IMAGE`: the image of the steps, by a tag or digest that never moves; named after the code by default.
* `ADREC_ACCELERATOR`: the accelerator that each training stage asks for (`nvidia.com/gpu`).
* `ADREC_ACCELERATOR_COUNT`: how many of them (1).
* `ADREC_PROGRESS_CLAIM`: the volume claim on which the training stages keep their progress (none).
* `ADREC_FEATURES_CLAIM`: the volume claim on which the feature store keeps its folder (none).
* `ADREC_REDIS`: the Redis server that is the online store (none: SQLite in the folder).
"""

import os
import re

from components.revision import code_revision

MOVING = ("latest", "main", "master", "dev", "stable")


def image() -> str:
    """The image of the steps.

    Raises:
        ValueError: its tag is missing or may move. Kubeflow's cache knows an image by its name alone: a moved
            tag would serve stale results.
    """
    name = os.environ.get("ADREC_IMAGE") or f"adrec-pipeline:{code_revision()}"
    if "@sha256:" in name:
        return name
    tag = re.search(r":([\w][\w.-]*)$", name)
    if tag is None or tag[1] in MOVING:
        raise ValueError(f"ADREC_IMAGE = {name!r} must end in a digest or in a tag that never moves, as in name:1.2.0")
    return name


def accelerator() -> tuple[str, int]:
    """Kind and number of the accelerators of a training stage.

    Raises:
        ValueError: the number is no positive whole number.
    """
    count = os.environ.get("ADREC_ACCELERATOR_COUNT", "1")
    if not re.fullmatch(r"[1-9][0-9]*", count):
        raise ValueError(f"ADREC_ACCELERATOR_COUNT = {count!r} must be a whole number of at least 1")
    return os.environ.get("ADREC_ACCELERATOR", "nvidia.com/gpu"), int(count)


def progress_claim() -> str:
    """The volume claim for the progress of the training stages; empty where each pod keeps its own."""
    return os.environ.get("ADREC_PROGRESS_CLAIM", "")


def features_claim() -> str:
    """The volume claim for the folder of the feature store; empty where there is none."""
    return os.environ.get("ADREC_FEATURES_CLAIM", "")


def redis() -> str:
    """The address of the Redis server that is the online store; empty for SQLite."""
    return os.environ.get("ADREC_REDIS", "")
