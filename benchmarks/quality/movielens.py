"""MovieLens-100K with `params.yaml`, from the ratings as GroupLens publishes them.

    python -m benchmarks.quality.movielens path/to/u.data [--folder FOLDER]

Runs every step from `ingest` to `evaluate`, prints test HR and NDCG beside the paper's, and writes
`benchmarks/results/movielens.json`. What the steps made stays in the folder, if one is given:
`benchmarks.quality.genres` reads its checkpoints, `pretrained` and `finetuned`.
"""

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from adrec.config.params import load
from benchmarks.harness import record
from components import finetune, ingest, prepare, pretrain, warmup
from components.evaluate import step as evaluate
from components.validate import step as validate
from components.version import step as version

PUBLISHED = {"sasrec": {"HR@20": 0.18454, "NDCG@20": 0.07103}, "adrec": {"HR@20": 0.2207, "NDCG@20": 0.09003}}


def run(source: Path, params: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Run the steps in `folder`; returns the metrics and the number of epochs that each stage took."""
    paths = {name: folder / name for name in ("validation", "dataset", "pretrained", "warmed", "finetuned", "winner")}
    interactions, versioned, metrics = folder / "interactions.parquet", folder / "version.json", folder / "metrics.json"
    dataset, model = paths["dataset"], params["model"]
    where = replace(params["version"], registry=str(folder / "registry"), remote=str(folder / "remote"))
    source_section = replace(params["ingest"], source=str(source), format="movielens")
    ingest.run(ingest=source_section, interactions=interactions, rejects=folder / "rejects.csv")
    validate.run(interactions=interactions, validate=params["validate"], version=where, validation=paths["validation"])
    version.run(interactions=interactions, validation=paths["validation"], version=where, versioned=versioned)
    prepare.run(interactions=interactions, versioned=versioned, prepare=params["prepare"], dataset=dataset)
    pretrain.run(dataset=dataset, model=model, pretrain=params["pretrain"], pretrained=paths["pretrained"])
    warmup.run(
        dataset=dataset,
        pretrained=paths["pretrained"],
        model=model,
        warmup=params["warmup"],
        warmed=paths["warmed"],
    )
    finetune.run(
        dataset=dataset, warmed=paths["warmed"], model=model, finetune=params["finetune"], finetuned=paths["finetuned"]
    )
    evaluate.run(
        dataset=dataset,
        pretrained=paths["pretrained"],
        finetuned=paths["finetuned"],
        evaluate=params["evaluate"],
        winner=paths["winner"],
        metrics=metrics,
        report=folder / "report.html",
    )
    log = json.loads((paths["finetuned"] / "checkpoint.json").read_text())["log"]
    return {**json.loads(metrics.read_text()), "epochs": {stage: len(epochs) for stage, epochs in log.items()}}


def table(models: dict[str, dict[str, float]]) -> str:
    """Our figures beside the published ones, as Markdown, in per cent."""
    lines = ["| model | HR@20 | published | NDCG@20 | published |", "|---|---|---|---|---|"]
    for name, metrics in models.items():
        figures = [
            text
            for metric in ("HR@20", "NDCG@20")
            for text in (f"{100 * metrics[metric]:.2f}", _percent(PUBLISHED.get(name, {}).get(metric)))
        ]
        lines.append(f"| {name} | {' | '.join(figures)} |")
    return "\n".join(lines)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f}"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="u.data")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--folder", type=Path, help="a new one")
    arguments = parser.parse_args()
    params = load(arguments.params)
    if arguments.folder:
        if arguments.folder.exists():
            parser.error(f"the folder {arguments.folder} exists; name a new one")
        arguments.folder.mkdir(parents=True)
        measured = run(arguments.source, params, arguments.folder)
    else:
        with tempfile.TemporaryDirectory() as folder:
            measured = run(arguments.source, params, Path(folder))
    path = record.write("movielens", params["model"].as_dict()["seed"], {"figures": measured, "published": PUBLISHED})
    print(table(measured["models"]))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
