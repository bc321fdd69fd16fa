"""The refresh pipeline: from a file of new events to fresh features, as one Kubeflow graph.

`python -m pipelines compile refresh` makes a package of it, `python -m pipelines refresh` runs it here.
"""

from typing import Any

from kfp import dsl

from components import ops
from pipelines.resources import on_cpu, validated, with_feature_store
from pipelines.training import PARAMS, REVISION

SECTIONS = ("ingest", "validate", "version", "prepare")
# How a file of events is unlike one to train on: it may be small, and its versions have a name of their own.
UNLIKE_TRAINING: dict[str, dict[str, Any]] = {
    "validate": {"min_rows": 1, "min_users": 1, "min_items": 1},
    "version": {"name": "events"},
}
ASSIGNMENTS = [f"{name}.{key}={value}" for name, keys in UNLIKE_TRAINING.items() for key, value in keys.items()]
EVENTS: dict[str, Any] = {name: PARAMS[name] | UNLIKE_TRAINING.get(name, {}) for name in SECTIONS}


@dsl.pipeline(name="adrec-refresh", display_name="ADRec refresh", description="Take new events in, and publish.")
def refresh(
    ingest: dict = EVENTS["ingest"],
    validate: dict = EVENTS["validate"],
    version: dict = EVENTS["version"],
    prepare: dict = EVENTS["prepare"],
    code_revision: str = REVISION,
) -> None:
    """Bring new events into the feature store.

    1. ingest: the source becomes one file of interactions;
    2. validate: a page about the events; a critical failure ends the run;
    3. version: what was believed gets a tag;
    4. append: the events that are new take their place in the histories, which the service reads at once;
    5. republish: the offline tables and the ranking of popular items follow.

    No step is recalled from a cache: the source may have grown under its name, and the last steps act on the store.
    Each of them changes nothing where nothing is new.
    """
    code = {"code_revision": code_revision}
    uncached = {"source_key": "", **code}
    ingest_task = on_cpu(ops.ingest(ingest=ingest, **uncached))
    raw = ingest_task.set_caching_options(False).outputs["interactions"]
    validate_task = ops.validate(interactions=raw, validate=validate, version=version, **uncached)
    checked = validated(validate_task)
    validate_task.set_caching_options(False)
    version_task = on_cpu(ops.version(interactions=raw, validation=checked, version=version, **uncached))
    kept = version_task.set_caching_options(False).outputs

    keys = {"data_hash": kept["Output"], **code}
    events = {"interactions": raw, "versioned": kept["versioned"]}
    appended = with_feature_store(ops.append(**events, prepare=prepare, **keys)).set_caching_options(False).output
    with_feature_store(ops.republish(appended=appended, **keys)).set_caching_options(False)
