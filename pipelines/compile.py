"""Compile a graph to a package that any Kubeflow Pipelines installation accepts.

    python -m pipelines compile [training | refresh] [--to PACKAGE.yaml]

prints where the package is and which image its steps run from. The defaults are those of the project's `params.yaml`.
"""

import argparse
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adrec.config import params
from components.runtime.code_revision import ROOT
from components.runtime.steps import sentence
from pipelines import environment

GRAPHS = ("training", "refresh")


def main(arguments: list[str] | None = None) -> int:
    """Compile the graph asked for, `training` by default, to `artifacts/<graph>.yaml` or to the path given."""
    parser = argparse.ArgumentParser(prog="python -m pipelines compile", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("graph", nargs="?", choices=GRAPHS, default=GRAPHS[0])
    parser.add_argument("--to", type=Path, metavar="PACKAGE.yaml", help="where the package goes")
    options = parser.parse_args(arguments)
    package = options.to or Path(f"artifacts/{options.graph}.yaml")
    try:
        compile_to(package, options.graph)
    except (ValueError, OSError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 1
    print(package)
    print(f"its steps run from the image {environment.image()}")
    for loss in lost_with_their_pod():
        print(f"note: {loss}")
    return 0


def compile_to(package: Path, name: str = GRAPHS[0]) -> None:
    """Write the package of a graph and see that Kubeflow's own loader takes it.

    Raises:
        ValueError: the package is no YAML file, or the parameters or the environment name what cannot be.
    """
    if package.suffix not in (".yaml", ".yml"):
        raise ValueError(f"the package must be a .yaml file, not {package}")
    pipeline = graph(name)
    from kfp import compiler, components

    package.parent.mkdir(parents=True, exist_ok=True)
    draft = package.with_name(f".{package.stem}-draft.yaml")
    compiler.Compiler().compile(pipeline, str(draft))
    components.load_component_from_file(str(draft))
    draft.replace(package)


def lost_with_their_pod() -> Iterator[str]:
    """What is lost with the pod that writes it, unless a run's parameters say otherwise, each in one sentence."""
    version: Any = params.load(ROOT / "params.yaml")["version"]
    for key in ("registry", "remote"):
        address = getattr(version, key)
        if not re.match(r"[\w+.-]+(://|@)", address):
            yield f"version.{key} = {address!r} is lost with the pod of `version`: name a URL, here or for the run"
    if not environment.features_claim():
        yield "without ADREC_FEATURES_CLAIM the feature store's folder is lost with the pod of `publish`"


def graph(name: str) -> Any:
    """The graph of this name; Kubeflow draws it while its module is loaded, from parameters that are sound.

    Raises:
        ValueError: the parameters or the environment name what cannot be.
    """
    params.load(ROOT / "params.yaml")
    environment.require_no_password()
    return getattr(importlib.import_module(f"pipelines.{name}"), name)


if __name__ == "__main__":
    sys.exit(main())
