"""One step from the command line: `python -m components.cli STEP --ARTIFACT PATH … [--params params.yaml]`.

The arguments follow from the step's signature: one path for each artifact; its sections are read from the
parameters. `python -m components.cli get TAG DESTINATION` brings a version of the data back.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from adrec.params import load
from components import steps


def main(arguments: list[str]) -> int:
    """Run one step; what the user can mend ends in one sentence and exit status 1."""
    step = chooser().parse_args(arguments[:1]).step
    try:
        result = get(arguments[1:]) if step == "get" else run(step, arguments[1:])
    except steps.TOLD as error:
        print(f"error: {step}: {steps.sentence(error)}", file=sys.stderr)
        return 1
    if result is not None:
        print(result)
    return 0


def chooser() -> argparse.ArgumentParser:
    """The first argument: what to do. Only the chosen step's packages are loaded after it."""
    parser = argparse.ArgumentParser(prog="python -m components.cli", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("step", choices=[*steps.KNOWN, "get"], help="`STEP --help` lists what it takes")
    return parser


def run(step: str, arguments: list[str]) -> Any:
    """Run `step` with the paths of `arguments`."""
    parser = _parser(step, steps.function(step).__doc__)
    for name in steps.artifacts(step):
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="PATH")
    given = vars(parser.parse_args(arguments))
    params = load(given.pop("params"))
    return steps.call(step, **given, **{name: params[name].as_dict() for name in steps.sections(step)})


def get(arguments: list[str]) -> Any:
    """Bring back, byte for byte, the interactions that a version's tag names."""
    parser = _parser("get", get.__doc__)
    parser.add_argument("tag", help="as in interactions-v1")
    parser.add_argument("destination", type=Path)
    given = parser.parse_args(arguments)
    registry = load(given.params)["version"].as_dict()["registry"]
    from components import version

    return version.get(given.tag, Path(registry), given.destination)


def _parser(step: str, description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m components.cli {step}", description=description)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="the parameters (params.yaml)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
