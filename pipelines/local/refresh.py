"""The refresh pipeline on this machine, by kfp's local runner: new events go into the feature store.

    python -m pipelines refresh --source FILE --format FORMAT [--set section.key=value …]

It may be killed and started again at any moment, and run twice on the same file: each event counts once.
"""

import json
import sys
from pathlib import Path

from components import check
from components.runtime.steps import REFRESH, sentence
from pipelines import parameters
from pipelines.local import run
from pipelines.local.events import RunEvents


def main(arguments: list[str] | None = None) -> int:
    """Run the pipeline and tell what came in; the exit status is 0 unless it failed or was stopped."""
    options = parameters.parser("pipelines refresh", __doc__ or "").parse_args(arguments)
    try:
        from pipelines.refresh import ASSIGNMENTS, SECTIONS, refresh

        options.set = [*ASSIGNMENTS, *options.set]
        sections = parameters.read(options)
        check.source(sections["ingest"])
        run.RUNS.mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 1
    values = parameters.plain({name: sections[name] for name in SECTIONS})
    status, journal = run.run_graph(refresh, values, len(REFRESH))
    if not status:
        show(journal)
    return status


def show(journal: RunEvents) -> None:
    """Print what the finished run did."""
    told = json.loads(Path(journal.steps["republish"].outputs["republished"].path).read_text())
    print(f"events   {told['new']:,} of {told['events']:,} were new ({told['data_tag']})")
    print(f"store    {told['users']:,} users, {told['interactions']:,} interactions")
    print(f"popular  {', '.join(told['popular'])}")


if __name__ == "__main__":
    sys.exit(main())
