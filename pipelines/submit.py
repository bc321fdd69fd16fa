"""Send a graph to a Kubeflow Pipelines server: one run now, or one whenever a schedule says so.

    python -m pipelines submit [training | refresh] --host URL [--set section.key=value …] [--every CRON]

The parameters are checked here as for a run on this machine. Files that they name are looked for by the run's first
step.
"""

import contextlib
import io
import sys
import tempfile
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

from components.runtime.steps import sentence
from pipelines import parameters
from pipelines.compile import GRAPHS, compile_to, graph

FIELDS = 6  # of Kubeflow's cron: seconds come first


def main(arguments: list[str] | None = None) -> int:
    """Compile, submit or schedule, and tell where to look; the exit status is 0 unless the server does not take it."""
    from kfp_server_api import ApiException
    from urllib3.exceptions import HTTPError

    parser = parameters.parser("pipelines submit", __doc__ or "")
    parser.add_argument("graph", nargs="?", choices=GRAPHS, default=GRAPHS[0])
    parser.add_argument("--host", required=True, help="where Kubeflow Pipelines is, as in https://kubeflow.example.com")
    parser.add_argument("--every", metavar="CRON", help="run again and again, as in '0 3 * * *'")
    parser.add_argument("--experiment", help="whose run it is (adrec-training, adrec-refresh)")
    options = parser.parse_args(arguments)
    try:
        print(send(options))
    except (ApiException, HTTPError) as error:
        reason = getattr(error, "body", None) or error
        print(f"error: {options.host} does not take it: {' '.join(str(reason).split())}", file=sys.stderr)
        return 1
    except (ValueError, OSError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 1
    return 0


def send(options: Any) -> str:
    """Submit or schedule what the command line asks for; gives a sentence that says where it is.

    Raises:
        ValueError: a parameter or the schedule is not sound, or there is such a schedule already.
        ApiException, HTTPError: the server refuses, or there is none.
    """
    schedule = cron(options.every) if options.every else ""
    name = f"adrec-{options.graph}"
    values = arguments_of(options)
    with tempfile.TemporaryDirectory() as folder, quiet():
        package = Path(folder) / f"{options.graph}.yaml"
        compile_to(package, options.graph)
        client = client_of(options.host)
        experiment = client.create_experiment(options.experiment or name).experiment_id
        if not schedule:
            run = client.run_pipeline(experiment, f"{name} {datetime.now():%Y-%m-%d %H:%M}", str(package), values)
            return f"submitted: {options.host}/#/runs/details/{run.run_id}"
        require_new(client, experiment, name)
        recurring = client.create_recurring_run(
            experiment,
            name,
            cron_expression=schedule,
            no_catchup=True,
            params=values,
            pipeline_package_path=str(package),
        )
        return f"scheduled: {options.host}/#/recurringrun/details/{recurring.recurring_run_id}"


def arguments_of(options: Any) -> dict[str, Any]:
    """The sections that the graph takes, as the command line and the file say them.

    Raises:
        ValueError: one is not sound, or the source is a file of this machine.
    """
    pipeline = graph(options.graph)
    if options.graph == "refresh":
        from pipelines.refresh import ASSIGNMENTS

        options.set = [*ASSIGNMENTS, *options.set]
    sections = parameters.read(options)
    ingest = sections["ingest"]
    if ingest.format != "demo" and "://" not in ingest.source and not Path(ingest.source).is_absolute():
        raise ValueError(
            f"ingest.source = {ingest.source!r} is a file of this machine, which the steps do not see: name a URL"
        )
    taken = pipeline.pipeline_spec.root.input_definitions.parameters
    return {name: section for name, section in parameters.plain(sections).items() if name in taken}


def cron(text: str) -> str:
    """The schedule as Kubeflow writes it: the five usual fields get the second 0.

    Raises:
        ValueError: it has another number of fields.
    """
    fields = text.split()
    if len(fields) not in (FIELDS - 1, FIELDS):
        raise ValueError(f"--every {text!r}: write minute, hour, day, month and weekday, as in '0 3 * * *'")
    return " ".join(["0", *fields][-FIELDS:])


def client_of(host: str) -> Any:
    """The client of the server; kfp's own settings (`~/.config/kfp/context.json`) say who asks."""
    import kfp

    return kfp.Client(host=host)


def require_new(client: Any, experiment: str, name: str) -> None:
    """See that the experiment has no schedule of this name: two would do the same work twice.

    Raises:
        ValueError: it has one.
    """
    known = client.list_recurring_runs(experiment_id=experiment, page_size=100).recurring_runs or []
    if any(recurring.display_name == name for recurring in known):
        raise ValueError(f"there is a recurring run {name!r} in this experiment already: delete it first")


@contextlib.contextmanager
def quiet() -> Any:
    """Without what kfp prints of its own accord."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


if __name__ == "__main__":
    sys.exit(main())
