"""Run, compile or submit a pipeline: `python -m pipelines run | refresh | compile | submit …`."""

import argparse
import importlib
import sys

VERBS = {
    "run": "pipelines.local.run",
    "refresh": "pipelines.local.refresh",
    "compile": "pipelines.compile",
    "submit": "pipelines.submit",
}


def main(arguments: list[str]) -> int:
    """Hand the arguments after the verb to its module, which is loaded only now."""
    parser = argparse.ArgumentParser(prog="python -m pipelines", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("verb", choices=VERBS, help="`VERB --help` lists its options")
    verb = parser.parse_args(arguments[:1]).verb
    status: int = importlib.import_module(VERBS[verb]).main(arguments[1:])
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
