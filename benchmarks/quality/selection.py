"""Which epoch is tested: by the rule of this protocol, by that of the released code, and at best, in hindsight.

    ADREC_DATA_DIR=… python -m benchmarks.quality.selection [--datasets ml-100k] [--seeds 5]

Fine-tunes the ADRec of `benchmarks.quality.paper_table`, and with the changes that `benchmarks.quality.ablations`
found to help on ML-100K, each alone and together, without early stopping, and tests every evaluated epoch. Runs what
`benchmarks/results/selection` does not have yet, and may be stopped and started again between runs. Prints a table of
mean ± standard deviation over seeds, in per cent, and writes it as `benchmarks/results/selection.md` and with all
values as `benchmarks/results/selection.json`. `--table` trains nothing.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from adrec import config
from adrec.config.params import load
from adrec.data.dataset import Dataset
from adrec.evaluation.ranking import network_scorer, rank_targets
from adrec.training import stages
from adrec.training.trainer import SELECTION_METRIC
from benchmarks.harness import measurement, protocol, record, sweep
from benchmarks.harness.protocol import Recipe
from benchmarks.harness.spread import shown
from benchmarks.quality import ablations

SEEDS = 5
DATASETS = ("ml-100k",)
EPOCHS = 100
PARAMS = Path("params.yaml")
FOLDER = record.RESULTS / "selection"
METRICS = ("HR@20", "NDCG@20")

Tried = Sequence[Mapping[str, Any]]  # evaluated epochs in their order: number, validation metrics, test metrics
Rule = Callable[[Tried], int]  # the index of the one that is tested
Chosen = dict[str, dict[str, dict[str, dict[int, float]]]]  # by recipe's title, rule, what of the epoch, and seed


def recipes(params: Mapping[str, Any]) -> dict[str, Recipe]:
    """ADRec as in the paper's table, but for its end, and with what helps, each beside what its row is called."""
    adrec = without_early_stopping(protocol.released("adrec", params))
    no_positions = replace(adrec, name="no-positions-in-stage-1-every-epoch", first=adrec.model)
    together = replace(ablations.small(no_positions), name="all-three-every-epoch", warmup=None)
    return {
        "ADRec": adrec,
        "stage 1 without positions": no_positions,
        f"initial weights of {ablations.SMALL:g}": ablations.small(adrec),
        "without warm-up": replace(adrec, name="without-warmup-every-epoch", warmup=None),
        "all three": together,
    }


def without_early_stopping(recipe: Recipe) -> Recipe:
    """The recipe with all its epochs in stage 3, each evaluated one to be tested."""
    finetune = recipe.finetune and replace(recipe.finetune, epochs=EPOCHS, patience=EPOCHS)
    return replace(recipe, name=f"{recipe.name}-every-epoch", finetune=finetune)


def perform(recipe: Recipe, data: Dataset, seed: int, watch: protocol.Watch, cache: Path) -> dict[str, Any]:
    """Train, and test after each evaluation; as `protocol.run`."""
    model, _, start = protocol.warmed_up(recipe, data, seed, watch, cache)
    stage = stages.finetune_stage(cast(config.Finetune, recipe.finetune))
    train_state = stages.begin(stage, model, len(data.catalogue), *start)
    tried = []
    for epoch in stages.train(stage, train_state, data, model):
        watch(stage.name, epoch)
        if epoch.validation:
            scorer = network_scorer(train_state.network.eval(), model.max_length, train_state.device)
            ranks_U = rank_targets(scorer, *data.examples("test"), exclude_history=False)
            test = measurement.batch_means(ranks_U, measurement.CUTOFFS)
            tried.append({"epoch": epoch.number, "validation": epoch.validation, "test": test})
    return {"metrics": tried[-1]["test"], "tried": tried}


def best_ndcg(tried: Tried, patience: int = protocol.STOPPING["patience"]) -> int:
    """The best validation NDCG@20 before so many evaluations without a better one: this protocol's."""
    return _latest(tried, patience, (SELECTION_METRIC,))


def latest_to_improve_any(tried: Tried, patience: int = protocol.STOPPING["patience"]) -> int:
    """The last that improved any of the six metrics before so many evaluations without: the released code's."""
    return _latest(tried, patience, tuple(tried[0]["validation"]))


def in_hindsight(tried: Tried) -> int:
    """The best test NDCG@20 of all: no rule, for it looks at the answers, but more than any rule can reach."""
    return max(range(len(tried)), key=lambda index: tried[index]["test"]["NDCG@20"])


RULES: dict[str, Rule] = {
    "best validation NDCG@20": best_ndcg,
    "latest to improve any of six metrics (the code)": latest_to_improve_any,
    f"none: epoch {EPOCHS}": lambda tried: len(tried) - 1,
    "best test NDCG@20 (in hindsight)": in_hindsight,
}


def _latest(tried: Tried, patience: int, metrics: Sequence[str]) -> int:
    """The latest epoch that improved one of `metrics`, until `patience` evaluations improve none."""
    chosen, best = 0, dict.fromkeys(metrics, float("-inf"))
    for index, epoch in enumerate(tried):
        if index - chosen > patience:
            break
        if any(epoch["validation"][metric] > best[metric] for metric in metrics):
            chosen = index
        best = {metric: max(best[metric], epoch["validation"][metric]) for metric in metrics}
    return chosen


def choices(found: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> Chosen:
    """What each rule chooses on one dataset, of each recipe by its title: the epoch and, in per cent, its test."""
    return {title: {name: _choice(rule, by_seed) for name, rule in RULES.items()} for title, by_seed in found.items()}


def _choice(rule: Rule, by_seed: Mapping[int, Mapping[str, Any]]) -> dict[str, dict[int, float]]:
    chosen = {seed: run["tried"][rule(run["tried"])] for seed, run in by_seed.items()}
    tests = {metric: {seed: 100 * epoch["test"][metric] for seed, epoch in chosen.items()} for metric in METRICS}
    return {"epoch": {seed: epoch["epoch"] for seed, epoch in chosen.items()}, **tests}


def table(chosen: Chosen) -> str:
    """The choices on one dataset as Markdown."""
    lines = [f"| recipe | tested epoch | number | {' | '.join(METRICS)} |", "|---" * (3 + len(METRICS)) + "|"]
    for title, by_rule in chosen.items():
        for name, choice in by_rule.items():
            numbers = ", ".join(map(str, choice["epoch"].values()))
            values = (shown(list(choice[metric].values())) for metric in METRICS)
            lines.append(f"| {title} | {name} | {numbers} | {' | '.join(values)} |")
    return "\n".join(lines)


def write(found: sweep.Figures, titles: Mapping[str, str], folder: Path = record.RESULTS) -> list[Path]:
    """Write the tables as Markdown and, with the values by seed and what they ran on, as JSON.

    Args:
        found: the runs.
        titles: what the row of each recipe is called.
        folder: where to.
    """
    chosen = {
        dataset: choices({title: found[dataset, name] for name, title in titles.items()})
        for dataset in dict.fromkeys(dataset for dataset, _ in found)
    }
    contents = {
        "selection.md": "\n\n".join(f"### {dataset}\n\n{table(each)}" for dataset, each in chosen.items()),
        "selection.json": json.dumps({**sweep.surroundings(found), **chosen}, indent=2),
    }
    return record.write_texts(folder, contents)


def main(words: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    tried = recipes(load(PARAMS))
    chosen = list(tried.values())
    options = sweep.command_line(__doc__, chosen, DATASETS, SEEDS).parse_args(words)
    found = sweep.carry_out(chosen, options, FOLDER, perform)
    if options.epochs:
        return  # nothing to compare
    tables, values = write(found, {recipe.name: title for title, recipe in tried.items()})
    print(tables.read_text(), f"written to {tables} {values}", sep="\n")


if __name__ == "__main__":
    main()
