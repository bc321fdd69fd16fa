"""What stays light: importing a module loads no package that the module has no business with."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLATFORMS = {"kfp", "dvc", "great_expectations", "feast", "bentoml", "pyspark"}
DATA = {"pandas", "polars", "pyarrow"}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("adrec.config", {"torch", *DATA, *PLATFORMS}),
        ("adrec.data.interactions", {"torch", *PLATFORMS}),
        ("adrec.data.build", {"torch", *PLATFORMS}),
        ("adrec.data.spark", {"torch", *PLATFORMS}),
        ("components.prepare", {"torch", *PLATFORMS}),
        ("features.store", {"torch", *PLATFORMS}),
        ("components.__main__", {"torch", *DATA, *PLATFORMS}),
        ("components.ops", {"torch", "adrec", *DATA, *PLATFORMS - {"kfp"}}),
        ("pipelines.training", {"torch", "adrec", "pydantic", *DATA, *PLATFORMS - {"kfp"}}),
        ("pipelines.refresh", {"torch", "adrec", "pydantic", *DATA, *PLATFORMS - {"kfp"}}),
        ("pipelines.compile", {"torch", *DATA, *PLATFORMS}),
        ("pipelines.submit", {"torch", *DATA, *PLATFORMS}),
        ("pipelines.local.refresh", {"torch", "polars", *PLATFORMS - {"kfp"}}),
        ("pipelines.local.run", {"torch", "polars", *PLATFORMS - {"kfp"}}),
    ],
)
def test_a_module_loads_nothing_heavy(module: str, heavy: set[str]) -> None:
    program = f"import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not heavy & set(done.stdout.split())
