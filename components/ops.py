"""The steps as Kubeflow components; the only file of the steps that knows Kubeflow.

Each is one function because Kubeflow ships a component's source text: a body stands alone and calls
`components.runtime.steps`. Besides what `run` takes, each takes cache keys, which nothing reads: Kubeflow reuses a
result by a task's text and its parameters, and sees neither a file's content nor our code.

* `code_revision` stands for the code of the steps;
* `source_key` stands for the content of the source, until `version` has hashed what was read of it;
* `reference_key` stands for the content of the champion and of the categories that `evaluate` is told of;
* `data_hash` stands for the content of the versioned interactions.
"""

from functools import partial
from typing import NamedTuple

from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Model, Output, component

op = partial(component, base_image="python:3.11-slim", install_kfp_package=False)  # the graphs put in our own image


@op
def check(
    ingest: dict,
    validate: dict,
    version: dict,
    prepare: dict,
    model: dict,
    pretrain: dict,
    warmup: dict,
    finetune: dict,
    evaluate: dict,
    gate: dict,
    package: dict,
    publish: dict,
    serve: dict,
    code_revision: str,
) -> NamedTuple("Keys", [("source_key", str), ("reference_key", str)]):  # type: ignore[valid-type]
    """See that all sections go together and that the files that they name are there; gives keys of their content."""
    from components.runtime.steps import call

    data = {"ingest": ingest, "validate": validate, "version": version, "prepare": prepare, "publish": publish}
    training = {"model": model, "pretrain": pretrain, "warmup": warmup, "finetune": finetune}
    return call("check", **data, **training, evaluate=evaluate, gate=gate, package=package, serve=serve)


@op
def ingest(
    ingest: dict, source_key: str, code_revision: str, interactions: Output[Dataset], rejects: Output[Artifact]
) -> None:
    """Read the source into one Parquet file of interactions; malformed lines are set aside."""
    from components.runtime.steps import call

    call("ingest", ingest=ingest, interactions=interactions.path, rejects=rejects.path)


@op
def validate(
    interactions: Input[Dataset],
    validate: dict,
    version: dict,
    source_key: str,
    code_revision: str,
    validation: Output[Artifact],
    page: Output[HTML],
) -> None:
    """Hold the interactions against what is expected of them; the page is shown whatever comes out."""
    import shutil

    from components.runtime.steps import call

    sections = {"validate": validate, "version": version}
    call("validate", interactions=interactions.path, **sections, validation=validation.path)
    shutil.copyfile(f"{validation.path}/report.html", page.path)


@op
def version(
    interactions: Input[Dataset],
    validation: Input[Artifact],
    version: dict,
    source_key: str,
    code_revision: str,
    versioned: Output[Artifact],
) -> str:
    """Keep the interactions as a tagged version in the data registry; gives their hash."""
    from components.runtime.steps import call

    inputs = {"interactions": interactions.path, "validation": validation.path}
    return call("version", **inputs, version=version, versioned=versioned.path)


@op
def prepare(
    interactions: Input[Dataset],
    versioned: Input[Artifact],
    prepare: dict,
    data_hash: str,
    code_revision: str,
    dataset: Output[Dataset],
) -> None:
    """Turn the interactions into a catalogue and histories."""
    from components.runtime.steps import call

    inputs = {"interactions": interactions.path, "versioned": versioned.path}
    call("prepare", **inputs, prepare=prepare, dataset=dataset.path)


@op
def pretrain(
    dataset: Input[Dataset],
    model: dict,
    pretrain: dict,
    data_hash: str,
    code_revision: str,
    pretrained: Output[Model],
) -> None:
    """Stage 1: train the item embeddings."""
    from components.runtime.steps import call

    call("pretrain", dataset=dataset.path, model=model, pretrain=pretrain, pretrained=pretrained.path)


@op
def warmup(
    dataset: Input[Dataset],
    pretrained: Input[Model],
    model: dict,
    warmup: dict,
    data_hash: str,
    code_revision: str,
    warmed: Output[Model],
) -> None:
    """Stage 2: train the backbone under frozen item embeddings."""
    from components.runtime.steps import call

    inputs = {"dataset": dataset.path, "pretrained": pretrained.path}
    call("warmup", **inputs, model=model, warmup=warmup, warmed=warmed.path)


@op
def finetune(
    dataset: Input[Dataset],
    warmed: Input[Model],
    model: dict,
    finetune: dict,
    data_hash: str,
    code_revision: str,
    finetuned: Output[Model],
) -> None:
    """Stage 3: train everything."""
    from components.runtime.steps import call

    inputs = {"dataset": dataset.path, "warmed": warmed.path}
    call("finetune", **inputs, model=model, finetune=finetune, finetuned=finetuned.path)


@op
def evaluate(
    dataset: Input[Dataset],
    pretrained: Input[Model],
    finetuned: Input[Model],
    evaluate: dict,
    reference_key: str,
    data_hash: str,
    code_revision: str,
    winner: Output[Model],
    metrics: Output[Metrics],
    report: Output[HTML],
) -> None:
    """Measure the candidates beside the baselines and write the report."""
    import json
    from pathlib import Path

    from components.runtime.steps import call

    inputs = {"dataset": dataset.path, "pretrained": pretrained.path, "finetuned": finetuned.path}
    outputs = {"winner": winner.path, "metrics": metrics.path, "report": report.path}
    call("evaluate", **inputs, evaluate=evaluate, **outputs)
    measured = json.loads(Path(metrics.path).read_text())
    for name, value in measured["models"][measured["winner"]].items():
        metrics.log_metric(name, value)


@op
def gate(metrics: Input[Metrics], gate: dict, data_hash: str, code_revision: str, verdict: Output[Artifact]) -> int:
    """Accept (1) or reject (0) the winner: a number, because Kubeflow compares by text."""
    from components.runtime.steps import call

    return int(call("gate", metrics=metrics.path, gate=gate, verdict=verdict.path))


@op
def package(
    winner: Input[Model],
    metrics: Input[Metrics],
    verdict: Input[Artifact],
    package: dict,
    serve: dict,
    data_hash: str,
    code_revision: str,
    packaged: Output[Artifact],
) -> str:
    """Build the Bento of an accepted winner; gives its tag."""
    from components.runtime.steps import call

    inputs = {"winner": winner.path, "metrics": metrics.path, "verdict": verdict.path}
    return call("package", **inputs, package=package, serve=serve, packaged=packaged.path)


@op
def publish(
    interactions: Input[Dataset],
    versioned: Input[Artifact],
    dataset: Input[Dataset],
    prepare: dict,
    publish: dict,
    data_hash: str,
    code_revision: str,
    published: Output[Artifact],
) -> None:
    """Fill the feature store with what every user liked."""
    from components.runtime.steps import call

    inputs = {"interactions": interactions.path, "versioned": versioned.path, "dataset": dataset.path}
    call("publish", **inputs, prepare=prepare, publish=publish, published=published.path)


@op
def append(
    interactions: Input[Dataset],
    versioned: Input[Artifact],
    prepare: dict,
    data_hash: str,
    code_revision: str,
    appended: Output[Artifact],
) -> None:
    """Append versioned events to the feature store."""
    from components.runtime.steps import call

    inputs = {"interactions": interactions.path, "versioned": versioned.path}
    call("append", **inputs, prepare=prepare, appended=appended.path)


@op
def republish(appended: Input[Artifact], data_hash: str, code_revision: str, republished: Output[Artifact]) -> None:
    """Bring the offline tables and the ranking of popular items up to the last event."""
    from components.runtime.steps import call

    call("republish", appended=appended.path, republished=republished.path)
