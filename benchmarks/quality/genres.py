"""What MovieLens-100K's item embeddings know of genres, and how they fill their space: the paper's Tables 5 and 6.

    python -m benchmarks.quality.genres path/to/item_genres.csv PRETRAINED FINETUNED

The file has `item_id,categories` for the items in the paper's numbering, which is also the catalogue's; the other two
are the checkpoints that `pretrain` and `finetune` left in a run on MovieLens-100K with `params.yaml`. Reads the genres
from each table by the linear probe, prints both tables as Markdown and writes `benchmarks/results/genres.json`.
"""

import argparse
import csv
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from adrec.evaluation.geometry import measures
from adrec.evaluation.linear_probe import Reading, most_frequent, probe
from adrec.training.checkpoint import Checkpoint
from benchmarks.harness import record
from components.evaluate.embeddings import tables_of

# Tables 6 and 5; split and averages of the readings are not stated.
PUBLISHED = {
    "genres": {"adrec": {"precision": 0.42, "recall": 0.40, "f1": 0.40}},
    "geometry": {"adrec": {"singular_value_variance": 122.6}, "sasrec_plus": {"singular_value_variance": 39.3}},
}
SEEDS = range(5)  # of the probe: folds, initial weights and batches; the training seed is one


def read_genres(file: Path) -> np.ndarray:
    """Which item has which genre, bool [N, G], genres in alphabetical order.

    Raises:
        ValueError: the items are not numbered 1, 2, 3, … in this order.
    """
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    if [int(row["item_id"]) for row in rows] != list(range(1, len(rows) + 1)):
        raise ValueError(f"{file}: item_id must count from 1 in steps of 1")
    items = [set(filter(None, row["categories"].split("|"))) for row in rows]
    genres = sorted(set.union(*items))
    return np.array([[genre in item for genre in genres] for item in items])


def read_out(tables: dict[str, np.ndarray], labels_NG: np.ndarray) -> dict[str, dict[str, dict[str, float]]]:
    """Mean and deviation over `SEEDS` of what the probe reads from each table, after the most frequent labels alone."""
    found = {"most_frequent": [most_frequent(labels_NG, seed) for seed in SEEDS]}
    found |= {name: [probe(table, labels_NG, seed) for seed in SEEDS] for name, table in tables.items()}
    return {name: _summary(readings) for name, readings in found.items()}


def _summary(readings: list[Reading]) -> dict[str, dict[str, float]]:
    values = {key: np.array([asdict(reading)[key] for reading in readings]) for key in asdict(readings[0])}
    return {key: {"mean": float(value.mean()), "sd": float(value.std(ddof=1))} for key, value in values.items()}


def genre_table(found: dict[str, dict[str, dict[str, float]]]) -> str:
    """The readings as Markdown, in per cent."""
    lines = ["| embeddings | precision | recall | micro F1 |", "|---|---|---|---|"]
    for name, reading in found.items():
        cells = (f"{100 * value['mean']:.1f} ± {100 * value['sd']:.1f}" for value in reading.values())
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def geometry_table(geometry: dict[str, dict[str, Any]]) -> str:
    """The measures of each table as Markdown."""
    lines = [f"| measure | {' | '.join(geometry)} |", "|---" * (len(geometry) + 1) + "|"]
    for key in next(iter(geometry.values())):
        cells = (_cell(of_table[key]) for of_table in geometry.values())
        lines.append(f"| {key} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: float | list[float] | None) -> str:
    return "infinite" if value is None else " ".join(f"{number:.4g}" for number in np.atleast_1d(value))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("genres", "pretrained", "finetuned"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    candidates = {"sasrec": Checkpoint.read(arguments.pretrained), "adrec": Checkpoint.read(arguments.finetuned)}
    about, tables = candidates["adrec"].about, tables_of(candidates)
    geometry = {name: measures(table) for name, table in tables.items()}
    found = read_out(tables, read_genres(arguments.genres))
    figures = {
        "catalogue_hash": about["catalogue_hash"],
        "epochs": {stage: len(epochs) for stage, epochs in about["log"].items()},
        "geometry": geometry,
        "genres": found,
        "published": PUBLISHED,
    }
    path = record.write("genres", about["config"]["model"]["seed"], figures)
    print(genre_table(found), geometry_table(geometry), f"written to {path}", sep="\n\n")


if __name__ == "__main__":
    main()
