"""Where the steps run on a cluster: image, accelerator, volumes and secret, read from the environment.

* `ADREC_IMAGE`: the image of the steps, by a tag or digest that never moves; named after the code by default.
* `ADREC_ACCELERATOR`: the accelerator that each training stage asks for (`nvidia.com/gpu`).
* `ADREC_ACCELERATOR_COUNT`: how many of them (1).
* `ADREC_PROGRESS_CLAIM`: the volume claim on which the training stages keep their progress (none).
* `ADREC_FEATURES_CLAIM`: the volume claim on which the feature store keeps its folder (none).
* `ADREC_REDIS`: the Redis server that is the online store (none: SQLite in the folder); without a password.
* `ADREC_SECRET`: the Kubernetes secret with the credentials of the steps, under the keys of `SECRET_KEYS` (none).
"""

import os
import re

from components.runtime.code_revision import code_revision

# What a secret may hold, each under the name of the environment variable that it becomes; none must be there.
SECRET_KEYS = (
    "ADREC_REDIS",  # the whole address, as in redis:6379,password=…
    "GIT_USERNAME", "GIT_PASSWORD",  # of the data registry at an https:// URL; the password may be a token
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION",
    "AZURE_STORAGE_CONNECTION_STRING",
)  # fmt: skip
# Lets git take user and password from there, wherever it asks for them.
GIT_BY_PASSWORD = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "credential.helper",
    "GIT_CONFIG_VALUE_0": '!f() { echo "username=$GIT_USERNAME"; echo "password=$GIT_PASSWORD"; }; f',
}
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


def secret() -> str:
    """The Kubernetes secret with the credentials of the steps; empty where there is none."""
    return os.environ.get("ADREC_SECRET", "")


def require_no_password() -> None:
    """See that nothing secret would stand in a package, which all who see the pipeline can read.

    Raises:
        ValueError: the address of Redis holds a password.
    """
    if "password=" in redis():
        raise ValueError(
            "ADREC_REDIS holds a password, which would stand in the package for all to read: keep the whole address "
            "under the key ADREC_REDIS of a Kubernetes secret, name that in ADREC_SECRET, and unset ADREC_REDIS"
        )
