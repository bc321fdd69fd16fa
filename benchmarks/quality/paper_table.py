"""The paper's Table 2 on three of its datasets: ADRec and SASRec+, its first stage, beside the published figures.

Both also from smaller initial weights than the released code's, which the paper does not have.

    ADREC_DATA_DIR=… python -m benchmarks.quality.paper_table [--datasets ml-100k beauty baby] [--seeds 5] [--threads 1]

Runs what `benchmarks/results/protocol` does not have yet, and may be stopped and started again between runs. Prints a
table of mean ± standard deviation over seeds, in per cent, and writes it as `benchmarks/results/paper_table.md` and
with all values as `benchmarks/results/paper_table.json`. `--table` trains nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from adrec.config.params import load
from benchmarks.harness import datasets, protocol, record, sweep
from benchmarks.harness.protocol import Recipe
from benchmarks.harness.record import RESULTS
from benchmarks.harness.spread import deviation, shown
from benchmarks.quality import ablations

SEEDS = 5  # as in the paper
PARAMS = Path("params.yaml")
METRICS = ("HR@20", "NDCG@20")

# Table 2, in per cent, means over five seeds.
PUBLISHED = {
    ("ml-100k", "adrec"): {"HR@20": 22.07, "NDCG@20": 9.00},
    ("beauty", "adrec"): {"HR@20": 16.82, "NDCG@20": 8.32},
    ("baby", "adrec"): {"HR@20": 7.15, "NDCG@20": 3.15},
    ("ml-100k", "sasrec-plus"): {"HR@20": 18.45, "NDCG@20": 7.10},
    ("beauty", "sasrec-plus"): {"HR@20": 15.20, "NDCG@20": 7.65},
    ("baby", "sasrec-plus"): {"HR@20": 5.53, "NDCG@20": 2.52},
}


@dataclass(frozen=True)
class Cell:
    """One metric of one recipe on one dataset, in per cent.

    Attributes:
        values: means over batches, as the paper's, in the order of seeds.
        per_user: means over users.
        published: the paper's mean, or None where it has none.
    """

    values: tuple[float, ...]
    per_user: tuple[float, ...]
    published: float | None

    @property
    def deviation(self) -> float | None:
        """Standard deviation over seeds; None of fewer than two."""
        return deviation(self.values)

    @property
    def reached(self) -> bool | None:
        """Whether the mean plus two standard errors is at least what is published; None where that cannot be said."""
        if self.published is None or self.deviation is None:
            return None
        return fmean(self.values) + 2 * self.deviation / len(self.values) ** 0.5 >= self.published

    def __str__(self) -> str:
        return shown(self.values)


def recipes(params: Mapping[str, Any]) -> list[Recipe]:
    """The rows of the table within a dataset."""
    adrec, sasrec_plus = protocol.released("adrec", params), protocol.sasrec_plus("sasrec-plus", params)
    return [adrec, sasrec_plus, ablations.small(adrec), ablations.small(sasrec_plus)]


def cells(found: sweep.Figures) -> dict[tuple[str, str], dict[str, Cell]]:
    """The table's cells by dataset and recipe, then by metric."""

    def values(by_seed: Mapping[int, Mapping[str, Any]], means: str, metric: str) -> tuple[float, ...]:
        return tuple(100 * by_seed[seed][means][metric] for seed in sorted(by_seed))

    return {
        key: {
            metric: Cell(
                values=values(by_seed, "batch_means", metric),
                per_user=values(by_seed, "metrics", metric),
                published=PUBLISHED.get(key, {}).get(metric),
            )
            for metric in METRICS
        }
        for key, by_seed in found.items()
    }


def table(of: Mapping[tuple[str, str], Mapping[str, Cell]]) -> str:
    """The cells as Markdown."""
    titles = " | ".join(f"{metric} over batches (seeds) | published | reached | over users" for metric in METRICS)
    lines = [f"| dataset | model | {titles} |", "|---" * (2 + 4 * len(METRICS)) + "|"]
    for (dataset, recipe), metrics in of.items():
        figures = (
            f"{cell} | {_published(cell)} | {_verdict(cell)} | {shown(cell.per_user)}" for cell in metrics.values()
        )
        lines.append(f"| {dataset} | {recipe} | {' | '.join(figures)} |")
    return "\n".join(lines)


def _published(cell: Cell) -> str:
    return "" if cell.published is None else f"{cell.published:.2f}"


def _verdict(cell: Cell) -> str:
    return {True: "yes", False: "no", None: ""}[cell.reached]


def write(of: Mapping[tuple[str, str], Mapping[str, Cell]], found: sweep.Figures, folder: Path = RESULTS) -> list[Path]:
    """Write the table as Markdown and, with the values by seed and what they ran on, as JSON."""
    figures: dict[str, dict[str, Any]] = {
        f"{dataset} {recipe}": {
            "seeds": sorted(found[dataset, recipe]),
            **{metric: {**asdict(cell), "reached": cell.reached} for metric, cell in metrics.items()},
        }
        for (dataset, recipe), metrics in of.items()
    }
    values = {**sweep.surroundings(found), **figures}
    contents = {"paper_table.md": table(of), "paper_table.json": json.dumps(values, indent=2)}
    return record.write_texts(folder, contents)


def main(words: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    rows = recipes(load(PARAMS))
    options = sweep.command_line(__doc__, rows, list(datasets.FILES), SEEDS).parse_args(words)
    found = sweep.carry_out(rows, options)
    print(table(cells(found)))
    if options.epochs is None:
        print("written to", *write(cells(found), found))


if __name__ == "__main__":
    main()
