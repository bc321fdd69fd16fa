"""The training pipeline on this machine, by kfp's local runner: the same graph as on a cluster, without one.

    python -m pipelines run [--source FILE --format FORMAT] [--set section.key=value …]

Unchanged steps are cached. State and results are kept under `artifacts/`.
"""

import contextlib
import logging
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from components import check
from components.runtime.steps import STEPS, sentence
from pipelines import parameters
from pipelines.local import summary
from pipelines.local.events import Lines, RunEvents
from pipelines.local.progress import Progress

ARTIFACTS = Path("artifacts")
RUNS = ARTIFACTS / "runs"
CACHE = ARTIFACTS / "cache"
REPORT = ARTIFACTS / "report.html"
BENTO = ARTIFACTS / "bento"


class Stopped(BaseException):
    """Someone asked the run to stop; no error, so nothing on the way may catch it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = signal.Signals(number)


def main(arguments: list[str] | None = None) -> int:
    """Run the pipeline, tell how it goes and what came out; the exit status is 0 unless it failed or was stopped."""
    options = parameters.parser("pipelines run", __doc__ or "").parse_args(arguments)
    try:
        sections = parameters.read(options)
        check.source(sections["ingest"])
        check.references(sections["evaluate"])
        RUNS.mkdir(parents=True, exist_ok=True)
        from pipelines.training import training
    except (ValueError, OSError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 1
    taken = training.pipeline_spec.root.input_definitions.parameters
    values = {name: section for name, section in parameters.plain(sections).items() if name in taken}
    status, journal = run_graph(training, values, 1 + len(STEPS))  # `check` comes before them
    if not status:
        keep(journal)
        summary.show(journal, REPORT, BENTO)
    return status


def run_graph(pipeline: Any, values: dict[str, Any], steps: int) -> tuple[int, RunEvents]:
    """Run a graph of so many steps in `RUNS`, which is there; gives the exit status and the journal of the run."""
    log = RUNS / f"{datetime.now():%Y-%m-%d-%H-%M-%S}.log"
    with Progress(steps) as progress, stoppable(), here(pipeline.pipeline_spec) as acts:
        journal = RunEvents(CACHE, progress.show, acts)
        try:
            execute(pipeline, values, journal, log)
        except Stopped as stop:
            progress.end(journal, f"stopped by {stop.signal.name}; the same command goes on from here", log)
            return 128 + stop.signal, journal
        except RuntimeError as error:
            progress.end(journal, journal.reason or str(error), log)
            return 1, journal
    return 0, journal


def execute(pipeline: Any, values: dict[str, Any], journal: RunEvents, log: Path) -> None:
    """Run a graph; everything that kfp and the steps print goes to `log`, and by lines to `journal`.

    Raises:
        RuntimeError: a step failed.
    """
    from kfp import local

    local.init(
        local.SubprocessRunner(use_venv=False),
        pipeline_root=str(RUNS),
        enable_caching=True,
        cache_root=str(CACHE),
    )
    with (
        log.open("w", encoding="utf-8", buffering=1) as file,
        redirected(Lines(file, journal.on_log_line)),
        journal.installed(),
    ):
        pipeline(**values)


@contextlib.contextmanager
def here(specification: Any) -> Iterator[set[str]]:
    """Let a graph run as this machine wants it; gives the steps that no cache may recall."""
    original = type(specification)()
    original.CopyFrom(specification)
    acts = set()
    for component in [specification.root, *specification.components.values()]:
        for name, task in component.dag.tasks.items():
            if not task.caching_options.enable_cache:
                acts.add(name)
            task.ClearField("retry_policy")  # it is for lost machines; here the user wants to hear at once
            task.caching_options.enable_cache = True  # the journal is the cache: what is not asked, it does not see
    for executor in specification.deployment_spec["executors"].values():
        executor["container"].fields.pop("env", None)  # what a pod is told; this machine has an environment of its own
    try:
        yield acts
    finally:
        specification.CopyFrom(original)


@contextlib.contextmanager
def redirected(stream: Lines) -> Iterator[None]:
    """Let `stream` have what is printed, logged and warned of."""
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        with contextlib.redirect_stdout(stream):
            yield
    finally:
        logging.captureWarnings(False)
        logger.removeHandler(handler)


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Let a signal end the running step too: kfp would leave it behind, at work."""

    def stop(number: int, frame: Any) -> None:
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        raise Stopped(number)

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    former = {number: signal.signal(number, stop) for number in signals}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def keep(journal: RunEvents) -> None:
    """Put what people look for in one place: the report of the last run, the Bento of the last accepted."""
    outputs = {name: step.outputs for name, step in journal.steps.items()}
    shutil.copyfile(outputs["evaluate"]["report"].path, REPORT)
    if "package" in outputs:
        link = BENTO.with_name(".bento.part")
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(Path(outputs["package"]["packaged"].path) / "bento", BENTO.parent))
        link.replace(BENTO)


if __name__ == "__main__":
    sys.exit(main())
