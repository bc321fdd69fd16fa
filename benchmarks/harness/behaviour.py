"""Does the pipeline of two commits give the same results, byte for byte?

    python -m benchmarks.harness.behaviour BEFORE AFTER

Runs the stages of each commit's own `dvc.yaml` on a short demo, on one thread, and compares the SHA-256 of the prepared
histories, of the weights after each stage, of the metrics, and of the answers of the winner. Ends with exit
status 1 where one differs.
"""

import argparse
import hashlib
import os
import shlex
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
LAST = "evaluate"  # of the stages of dvc.yaml that run
COMPARED = {
    "histories": "artifacts/dvc/dataset/histories.parquet",
    "catalogue": "artifacts/dvc/dataset/catalogue.parquet",
    "stage 1": "artifacts/dvc/pretrained/model.safetensors",
    "stage 2": "artifacts/dvc/warmed/model.safetensors",
    "stage 3": "artifacts/dvc/finetuned/model.safetensors",
    "metrics": "artifacts/dvc/metrics.json",
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
    for step, stage in yaml.safe_load((checkout / "dvc.yaml").read_text())["stages"].items():
        command = [sys.executable, *shlex.split(stage["cmd"])[1:]]
        subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        if step == LAST:
            break
    for name, path in COMPARED.items():
        yield name, hashlib.sha256((folder / path).read_bytes()).hexdigest()
    # The library's module had another name in the first layout.
    library = "adrec.inference" if (checkout / "adrec" / "inference.py").exists() else "adrec.recommend"
    program = [sys.executable, "-c", ANSWERS, library, "artifacts/dvc/winner"]
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
