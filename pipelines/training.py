"""The training pipeline: from raw interactions to a served recommender, as one Kubeflow graph.

`python -m pipelines compile` makes a package of it, `python -m pipelines run` runs it here.
"""

from typing import Any

import yaml
from kfp import dsl

from components import ops
from components.runtime import code_revision
from pipelines.resources import at_once, on_cpu, on_gpu, validated, with_feature_store

PARAMS: dict[str, Any] = yaml.safe_load((code_revision.ROOT / "params.yaml").read_text(encoding="utf-8"))
REVISION = code_revision.code_revision()


@dsl.pipeline(name="adrec-training", display_name="ADRec training", description="Train, judge, package, publish.")
def training(
    ingest: dict = PARAMS["ingest"],
    validate: dict = PARAMS["validate"],
    version: dict = PARAMS["version"],
    prepare: dict = PARAMS["prepare"],
    model: dict = PARAMS["model"],
    pretrain: dict = PARAMS["pretrain"],
    warmup: dict = PARAMS["warmup"],
    finetune: dict = PARAMS["finetune"],
    evaluate: dict = PARAMS["evaluate"],
    gate: dict = PARAMS["gate"],
    package: dict = PARAMS["package"],
    publish: dict = PARAMS["publish"],
    serve: dict = PARAMS["serve"],
    code_revision: str = REVISION,
) -> None:
    """Train a recommender and, if it is good enough, package it.

    1. check: the sections go together, and what they name is there; gives keys of the content of the files;
    2. ingest: the source becomes one file of interactions;
    3. validate: a page about the interactions; a critical failure ends the run;
    4. version: what was believed gets a tag, and its hash goes with every later step;
    5. prepare: a catalogue and histories; publish puts what users liked into the feature store at once;
    6. pretrain, warmup, finetune: the three stages, each on an accelerator;
    7. evaluate: the candidates beside the baselines, and a report;
    8. gate: a verdict with reasons;
    9. package: only of an accepted winner.

    Two steps are never recalled from a cache: `check` looks at files, which may have changed under their names, and
    `publish` acts on the store, which may be another by now.
    """
    sections = {
        **{"ingest": ingest, "validate": validate, "version": version, "prepare": prepare, "model": model},
        **{"pretrain": pretrain, "warmup": warmup, "finetune": finetune},
        **{"evaluate": evaluate, "gate": gate, "package": package, "publish": publish, "serve": serve},
    }
    checked = at_once(ops.check(**sections, code_revision=code_revision)).outputs
    code = {"code_revision": code_revision}
    fresh = {"source_key": checked["source_key"], **code}
    raw = on_cpu(ops.ingest(ingest=ingest, **fresh)).outputs["interactions"]
    validation = validated(ops.validate(interactions=raw, validate=validate, version=version, **fresh))
    kept = on_cpu(ops.version(interactions=raw, validation=validation, version=version, **fresh)).outputs

    keys = {"data_hash": kept["Output"], **code}
    visible_row = {"interactions": raw, "versioned": kept["versioned"], "prepare": prepare}
    data = on_cpu(ops.prepare(**visible_row, **keys)).output
    with_feature_store(ops.publish(**visible_row, dataset=data, publish=publish, **keys)).set_caching_options(False)

    stages = {"dataset": data, "model": model, **keys}
    pretrained = on_gpu(ops.pretrain(pretrain=pretrain, **stages)).output
    warmed = on_gpu(ops.warmup(pretrained=pretrained, warmup=warmup, **stages)).output
    finetuned = on_gpu(ops.finetune(warmed=warmed, finetune=finetune, **stages)).output

    candidates = {"dataset": data, "pretrained": pretrained, "finetuned": finetuned}
    reference = {"reference_key": checked["reference_key"]}
    measured = on_cpu(ops.evaluate(**candidates, evaluate=evaluate, **reference, **keys)).outputs
    judged = on_cpu(ops.gate(metrics=measured["metrics"], gate=gate, **keys)).outputs
    with dsl.If(judged["Output"] == 1, "accepted"):
        winner = {"winner": measured["winner"], "metrics": measured["metrics"], "verdict": judged["verdict"]}
        on_cpu(ops.package(**winner, package=package, serve=serve, **keys))
