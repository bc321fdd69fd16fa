"""What can be said before the first step: whether the parameters go together, and which files they name.

A cache knows a file by its name alone. So a run begins by hashing what its source, its champion and its categories
hold; the hashes go with the steps that read them.
"""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import fsspec

from adrec import config
from adrec.config.params import cross_checks
from components.runtime.code_revision import content_hash, files


class Keys(NamedTuple):
    """What stands for the content of the files that the parameters name; empty where they name none."""

    source_key: str
    reference_key: str


def run(
    *,
    ingest: config.Ingest,
    validate: config.Validate,
    version: config.Version,
    prepare: config.Prepare,
    model: config.Model,
    pretrain: config.Pretrain,
    warmup: config.Warmup,
    finetune: config.Finetune,
    evaluate: config.Evaluate,
    gate: config.Gate,
    package: config.Package,
    publish: config.Publish,
    serve: config.Serve,
) -> Keys:
    """See that all sections go together and that the files that they name can be read; gives a key for these.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: two sections do not go together, or a file is not what it should be.
    """
    if faults := list(cross_checks(model=model, evaluate=evaluate, gate=gate, publish=publish, serve=serve)):
        raise ValueError("; ".join(f"params: {fault}" for fault in faults))
    references(evaluate)
    return Keys(source_key(ingest), reference_key(evaluate))


def source(ingest: config.Ingest) -> dict[str, Any]:
    """The names of the files of the source, each with what is told of it; none of the demo world.

    Raises:
        FileNotFoundError: there is no such source.
        ValueError: it cannot be reached, or needs a package that is not installed.
    """
    if ingest.format == "demo":
        return {}
    try:
        system, path = fsspec.core.url_to_fs(ingest.source)
        names = sorted(system.glob(path)) or ([path] if system.exists(path) else [])
        facts = {name: system.info(name) for name in names}
    except Exception as error:  # every filesystem behind fsspec has errors of its own
        told = str(error) or type(error).__name__
        raise ValueError(f"ingest.source = {ingest.source!r} cannot be read: {told}") from error
    if not facts:
        raise FileNotFoundError(f"ingest.source = {ingest.source!r}: there is no such file")
    return facts


def source_key(ingest: config.Ingest) -> str:
    """What stands for the content of the source.

    A file here is hashed; of remote ones and of several, what is told (size, date, tag) must do. Raises as `source`.
    """
    if ingest.format == "demo":
        return ""
    if Path(ingest.source).is_file():
        return _hash_of_file(Path(ingest.source))
    facts = [sorted(told.items()) for told in source(ingest).values()]
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def references(evaluate: config.Evaluate) -> None:
    """See that what `evaluate` compares with can be read: better now than after hours of training.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: the champion is no model folder, or the file is none of item_labels.
    """
    if evaluate.champion:
        from adrec.inference import Recommender

        if not Path(evaluate.champion).is_dir():
            raise FileNotFoundError(f"evaluate.champion = {evaluate.champion!r}: there is no such folder")
        try:
            Recommender.load(Path(evaluate.champion))
        except (ValueError, OSError) as error:
            raise ValueError(f"evaluate.champion: {error}") from None
    if evaluate.item_categories:
        from adrec.data import item_labels

        try:
            item_labels.read(evaluate.item_categories)
        except (ValueError, OSError) as error:
            raise type(error)(f"evaluate.item_categories: {error}") from None


def reference_key(evaluate: config.Evaluate) -> str:
    """What stands for the content of the champion's folder and of the file of item_labels."""
    parts = []
    if evaluate.champion:
        folder = Path(evaluate.champion)
        parts.append(f"champion {content_hash(folder, files(folder))}")
    if evaluate.item_categories:
        from adrec.data.readers.sources import files as fetched

        hashes = [_hash_of_file(path) for _, path in fetched(evaluate.item_categories, sha256="")]
        parts.append(f"categories {hashes}")
    return hashlib.sha256(repr(parts).encode()).hexdigest() if parts else ""


def _hash_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
