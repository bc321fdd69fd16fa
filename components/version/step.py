"""Keep the validated interactions as a tagged version that can be had back, byte for byte, at any time.

The data registry holds pointers and tags; the bytes are in a DVC remote (`components/registry/`).
"""

import json
from pathlib import Path
from typing import Any

from adrec import config
from adrec.files import new_file
from components.registry import datasets
from components.registry import git as registry

SUMMARY = ("rows", "users", "items", "first", "last")  # of the validation, kept beside the pointer
SETTINGS = [".dvc/config", ".dvc/.gitignore", ".dvcignore"]


def run(*, interactions: Path, validation: Path, version: config.Version, versioned: Path) -> str:
    """Version the interactions, name the version in the JSON file `versioned`, and return the data hash.

    The data hash is DVC's: the MD5 of the file's bytes.

    Raises:
        ValueError: the interactions did not pass validation, the registry cannot be used, the remote does not take
            the bytes, or another writer was faster.
    """
    summary = _validated(validation)
    registry.create(version.registry)
    with registry.cloned(version.registry) as clone:
        data_hash = datasets.push(clone, version, interactions)
        tag = registry.tag_of(clone, version.name, data_hash)
        if tag is None:
            tag = registry.release(clone, version.name, data_hash, summary, SETTINGS)
    about = {"name": version.name, "tag": tag, "data_hash": data_hash, **summary}
    about |= {"registry": registry.shown(version.registry), "remote": registry.shown(version.remote)}
    with new_file(versioned) as unfinished:
        unfinished.write_text(json.dumps(about, indent=2) + "\n")
    return data_hash


def _validated(validation: Path) -> dict[str, Any]:
    found = json.loads((validation / "validation.json").read_text())
    if not found["passed"]:
        page = validation / "report.html"
        raise ValueError(f"the interactions did not pass validation: {found['refusal']}; the page {page} shows it")
    return {key: found[key] for key in SUMMARY}
