"""Does the pipeline of two commits give the same results, byte for byte?

    python -m benchmarks.harness.behaviour BEFORE AFTER

Runs the steps of a short demo from a checkout of each commit, on one thread, and compares the SHA-256 of the prepared
histories, of the weights after each stage, of the metrics, and of the answers of the packaged winner. Ends with exit
status 1 where one differs.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

SHORT = {
    "ingest": {"demo_users": 300, "demo_items": 80},
    "pretrain": {"epochs": 4, "evaluate_every": 2},
    "warmup": {"epochs": 2},
    "finetune": {"epochs": 4, "evaluate_every": 2},
}
STEPS = {
    "ingest": ["interactions", "rejects"],
    "validate": ["interactions", "validation"],
    "version": ["interactions", "validation", "versioned"],
    "prepare": ["interactions", "versioned", "dataset"],
    "pretrain": ["dataset", "pretrained"],
    "warmup": ["dataset", "pretrained", "warmed"],
    "finetune": ["dataset", "warmed", "finetuned"],
    "evaluate": ["dataset", "pretrained", "finetuned", "winner", "metrics", "report"],
}
NAMES = {"interactions": "interactions.parquet", "rejects": "rejects.csv", "metrics": "metrics.json"}
COMPARED = {
    "histories": "dataset/histories.parquet",
    "catalogue": "dataset/catalogue.parquet",
    "stage 1": "pretrained/model.safetensors",
    "stage 2": "warmed/model.safetensors",
    "stage 3": "finetuned/model.safetensors",
    "metrics": "metrics.json",
}
ANSWERS = """
import importlib, sys
from pathlib import Path
model = importlib.import_module(sys.argv[1]).Recommender.load(Path(sys.argv[2]))
items = model.catalogue.items
for n in range(20):
    found = model.recommend(list(items[n : n + 1 + n % 7]), 20)
    print(found.items, [round(score, 6) for score in found.scores], found.strategy)
"""


def results(checkout: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """Run the steps of the code in `checkout`; gives the name and the SHA-256 of each result."""
    document = yaml.safe_load((checkout / "params.yaml").read_text())
    for section, values in SHORT.items():
        document[section] |= values
    (folder / "params.yaml").write_text(yaml.safe_dump(document))
    own = {"PYTHONPATH": str(checkout), "ADREC_PROGRESS_DIR": str(folder / "progress"), "OMP_NUM_THREADS": "1"}
    environment = os.environ | own
    # Both modules had other names in the first layout.
    module = "components" if (checkout / "components" / "__main__.py").exists() else "components.cli"
    library = "adrec.inference" if (checkout / "adrec" / "inference.py").exists() else "adrec.recommend"
    for step, artifacts in STEPS.items():
        paths = [word for name in artifacts for word in (f"--{name}", NAMES.get(name, name))]
        command = [sys.executable, "-m", module, step, *paths]
        subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    for name, path in COMPARED.items():
        yield name, hashlib.sha256((folder / path).read_bytes()).hexdigest()
    program = [sys.executable, "-c", ANSWERS, library, "winner"]
    said = subprocess.run(program, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE)  # noqa: S603
    yield "answers", hashlib.sha256(said.stdout).hexdigest()


def of_commit(commit: str) -> dict[str, str]:
    """The results of the code of `commit`, from a checkout that is deleted afterwards."""
    with tempfile.TemporaryDirectory() as place:
        checkout, folder = Path(place) / "code", Path(place) / "run"
        folder.mkdir()
        for command in (["clone", "--quiet", ".", str(checkout)], ["-C", str(checkout), "checkout", "--quiet", commit]):
            subprocess.run(["git", *command], check=True)  # noqa: S603, S607
        return dict(results(checkout, folder))


def main() -> int:
    """Print both hashes of each result and whether they are equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before")
    parser.add_argument("after")
    options = parser.parse_args()
    before, after = of_commit(options.before), of_commit(options.after)
    for name, digest in before.items():
        print(f"{name:10} {digest[:16]} {after[name][:16]} {'equal' if digest == after[name] else 'DIFFERENT'}")
    return int(before != after)


if __name__ == "__main__":
    sys.exit(main())
