"""Step `package`: an accepted winner becomes a Bento, the folder that the service runs from."""

import hashlib
import json
import shutil
import tempfile
from dataclasses import replace
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from adrec.config import Package, Serve
from adrec.files import new_folder
from components.evaluate import reverse_steps
from components.runtime.code_revision import ROOT, code_revision, content_hash, files
from features import store

SERVICE = "serving.service:Recommender"
ROOMS = ("adrec", "features", "serving")
REQUIREMENTS = (
    "bentoml", "feast[duckdb,redis]", "filelock", "httpx", "numpy", "polars", "prometheus-client", "pyarrow",
    "pydantic", "pyyaml", "safetensors", "torch",
)  # fmt: skip

DESCRIPTION = """\
# ADRec recommender

`POST /recommend` answers `{"user_id": "196", "k": 10}` with the next items for a user of the feature store whose folder
the environment variable `ADREC_FEATURES_DIR` names. `bento.yaml` says in its labels which data, code and metrics this
is. Serve it with `bentoml serve` and this folder.
"""


def run(*, winner: Path, metrics: Path, verdict: Path, package: Package, serve: Serve, packaged: Path) -> str:
    """Build the Bento into BentoML's store and copy its folder to `packaged/bento`; return its tag.

    A rejected winner is not packaged: the tag is empty, and `packaged/bento.json` says why. It also says by how many
    reverse steps the service answers: by `serve.steps` where `serve.min_overlap` allows it.
    """
    judged = json.loads(verdict.read_text())
    with new_folder(packaged) as unfinished:
        if judged["accepted"]:
            measured = json.loads(metrics.read_text())
            steps, reason = reverse_steps.granted(serve, measured)
            labels = _labels(winner, measured)
            tag, folder = _bento(winner, package.name, replace(serve, steps=steps), labels)
            shutil.copytree(folder, unfinished / "bento")
            about: dict[str, Any] = {"tag": tag, "labels": labels, "reverse_steps": reason}
        else:
            tag, about = "", {"tag": None, "reasons": judged["reasons"]}
        (unfinished / "bento.json").write_text(json.dumps(about, indent=2) + "\n")
    return tag


def _labels(winner: Path, metrics: dict[str, Any]) -> dict[str, str]:
    """Where the Bento comes from, what it needs, and how good it is."""
    about = json.loads((winner / "checkpoint.json").read_text())
    config = json.dumps(about["config"], sort_keys=True)
    return {
        "data_hash": about["data_hash"],
        "catalogue_hash": about["catalogue_hash"],
        "config_hash": hashlib.sha256(config.encode()).hexdigest(),
        "code_revision": code_revision(),
        "feature_service": store.SERVICE,
        **{metric: f"{value:.6f}" for metric, value in metrics["models"][metrics["winner"]].items()},
    }


def _bento(winner: Path, name: str, serve: Serve, labels: dict[str, str]) -> tuple[str, Path]:
    """Tag and folder of the Bento; the same content has the same tag and is built once."""
    import bentoml

    requirements = pinned(REQUIREMENTS)
    with tempfile.TemporaryDirectory() as folder:
        staging = Path(folder)
        _stage(staging, winner, serve)
        content = [content_hash(staging, files(staging)), labels, requirements]
        tag = f"{name}:{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]}"
        try:
            bento = bentoml.bentos.get(tag)
        except bentoml.exceptions.NotFound:
            bento = bentoml.bentos.build(
                SERVICE,
                name=name,
                version=tag.partition(":")[2],
                labels=dict(labels),
                description=DESCRIPTION,
                docker={"python_version": "3.11"},
                python={"packages": requirements, "lock_packages": False},
                build_ctx=folder,
            )
        return tag, Path(bento.path)


def _stage(staging: Path, winner: Path, serve: Serve) -> None:
    """Put side by side what the service imports and reads."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, staging / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(winner, staging / "model")
    (staging / "model" / "serve.json").write_text(json.dumps(serve.as_dict(), indent=2) + "\n")


def pinned(requirements: tuple[str, ...]) -> list[str]:
    """These packages and all that they need, each at the version that stands here, sorted.

    Locking is not left to BentoML: it would ask a package index and write that index's address into the Bento.
    """
    pins: dict[str, str] = {}
    visited: set[tuple[str, str]] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        wanted = waiting.pop()
        pins[canonicalize_name(wanted.name)] = Version(version(wanted.name)).public
        for extra in {"", *wanted.extras} - {extra for name, extra in visited if name == wanted.name}:
            visited.add((wanted.name, extra))
            needed = [Requirement(text) for text in requires(wanted.name) or []]
            waiting += [need for need in needed if need.marker is None or need.marker.evaluate({"extra": extra})]
    return sorted(f"{name}=={number}" for name, number in pins.items())
