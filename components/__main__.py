"""One step, or a question to the data registry, from the command line.

    python -m components STEP --ARTIFACT PATH … [--params params.yaml]
    python -m components list | get TAG DESTINATION | diff TAG TAG

A step's arguments follow from its signature: one path for each artifact; its sections are read from the parameters. The
registry is that of the section `version`.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any, cast

from adrec import config
from adrec.config.params import load
from components.runtime import steps, telemetry


def main(arguments: list[str]) -> int:
    """Do one thing; what the user can mend ends in one sentence and exit status 1."""
    verb = chooser().parse_args(arguments[:1]).verb
    try:
        result = QUESTIONS[verb](arguments[1:]) if verb in QUESTIONS else run(verb, arguments[1:])
    except steps.USER_ERRORS as error:
        print(f"error: {verb}: {steps.sentence(error)}", file=sys.stderr)
        return 1
    if result is not None:
        print(result)
    return 0


def chooser() -> argparse.ArgumentParser:
    """The first argument: what to do. Only the chosen step's packages are loaded after it."""
    parser = argparse.ArgumentParser(prog="python -m components", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("verb", choices=[*steps.KNOWN, *QUESTIONS], help="`VERB --help` lists what it takes")
    return parser


def run(step: str, arguments: list[str]) -> Any:
    """Run `step` with the paths of `arguments`."""
    parser = _parser(step, steps.function(step).__doc__)
    for name in steps.artifacts(step):
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="PATH")
    given = vars(parser.parse_args(arguments))
    params = load(given.pop("params"))
    return steps.call(step, **given, **{name: params[name].as_dict() for name in steps.sections(step)})


def versions(arguments: list[str]) -> str:
    """List all versions with what is in them."""
    given = _parser("list", versions.__doc__).parse_args(arguments)
    from components.registry import git as registry

    with registry.cloned(_section(given).registry) as repository:
        found = registry.versions(repository)
    columns = ("rows", "users", "items", "first", "last")
    rows = [(v.tag, v.date, *(v.summary[column] for column in columns), v.data_hash) for v in found]
    return _table([("tag", "made", *columns, "md5"), *rows])


def get(arguments: list[str]) -> None:
    """Bring back, byte for byte, the interactions that a version's tag names."""
    parser = _parser("get", get.__doc__)
    parser.add_argument("tag", help="as in interactions-v1")
    parser.add_argument("destination", type=Path)
    given = parser.parse_args(arguments)
    from components.registry import datasets

    datasets.get(given.tag, _section(given), given.destination)


def diff(arguments: list[str]) -> str:
    """Say how many rows, users and items came and went from one version to another."""
    parser = _parser("diff", diff.__doc__)
    parser.add_argument("before", help="the tag of one version")
    parser.add_argument("after", help="the tag of another")
    given = parser.parse_args(arguments)
    from components.version import diff as versions_diff

    changes = versions_diff.compare(given.before, given.after, _section(given))
    return _table([("", given.before, "added", "gone", given.after), *((k, *astuple(c)) for k, c in changes.items())])


QUESTIONS: dict[str, Callable[[list[str]], str | None]] = {"list": versions, "get": get, "diff": diff}


def _section(given: argparse.Namespace) -> config.Version:
    telemetry.disable()
    return cast(config.Version, load(given.params)["version"])


def _table(rows: Sequence[Sequence[Any]]) -> str:
    """Rows as aligned text, numbers to the right."""
    texts = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    right = [isinstance(cell, int) for cell in rows[-1]]
    lines = (
        "  ".join(
            text.rjust(n) if number else text.ljust(n) for text, n, number in zip(line, widths, right, strict=True)
        )
        for line in texts
    )
    return "\n".join(line.rstrip() for line in lines)


def _parser(verb: str, description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m components {verb}", description=description)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="the parameters (params.yaml)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
