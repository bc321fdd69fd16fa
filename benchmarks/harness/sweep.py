"""Several recipes on several datasets with several seeds: run what is not there yet, and read what is.

Seeds are the outer loop, so that after the first pass every cell of a table has one seed.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from adrec.data.dataset import Dataset
from adrec.training.trainer import SELECTION_METRIC, Epoch
from benchmarks.harness import protocol, record, runs
from benchmarks.harness.datasets import FILES, load
from benchmarks.harness.protocol import Recipe
from benchmarks.harness.runs import Run

FIRST_SEED = 2025
TRIES = Path("artifacts/protocol/tries")  # what fewer epochs gave is no result

# Of a recipe, a dataset, a seed, whom to tell of epochs, and the folder of first stages, the figures.
Perform = Callable[[Recipe, Dataset, int, protocol.Watch, Path], dict[str, Any]]
Figures = dict[tuple[str, str], dict[int, dict[str, Any]]]  # of each seed, by dataset and recipe


def surroundings(found: Figures) -> dict[str, list[str]]:
    """When and where the runs behind a table ran."""
    return record.surroundings_of([run for by_seed in found.values() for run in by_seed.values()])


@dataclass(frozen=True)
class Sweep:
    """What is to be run.

    Attributes:
        recipes: each is trained and tested …
        datasets: … on each of these, by name …
        seeds: … with each of these.
        folder: where the figures are.
        cache: where first stages that recipes share are.
        perform: trains and tests, as `protocol.run`.
    """

    recipes: Sequence[Recipe]
    datasets: Sequence[str]
    seeds: Sequence[int]
    folder: Path = runs.FOLDER
    cache: Path = protocol.CACHE
    perform: Perform = protocol.run

    def __iter__(self) -> Iterator[tuple[Recipe, Run]]:
        """Every run beside its recipe."""
        for seed in self.seeds:
            for dataset in self.datasets:
                for recipe in self.recipes:
                    yield recipe, Run(dataset, recipe.name, recipe.configuration(), seed)

    def figures(self) -> Figures:
        """What has been run; a cell without any has no seeds.

        Raises:
            ValueError: a result is of another configuration.
        """
        found: Figures = {}
        for _, run in self:
            cell = found.setdefault((run.dataset, run.recipe), {})
            figures = run.finished(self.folder)
            if figures is not None:
                cell[run.seed] = figures
        return found

    def finish(self, read: Callable[[str], Dataset] = load) -> None:
        """Run what has not been run; a run that diverges is told of and left out.

        Raises:
            ValueError: a result is of another configuration, or a dataset cannot be read.
        """
        pending = [(recipe, run) for recipe, run in self if run.finished(self.folder) is None]
        data = {name: read(name) for name in dict.fromkeys(run.dataset for _, run in pending)}
        with tqdm(pending, unit="run", disable=None) as bar:
            for recipe, run in bar:
                if run.finished(self.folder):
                    continue  # by another process, since
                title = f"{run.dataset} {run.recipe} seed {run.seed}"
                bar.set_description(title)
                try:
                    figures = self.perform(recipe, data[run.dataset], run.seed, _watch(bar, title), self.cache)
                except FloatingPointError as error:
                    bar.write(f"{title}: {error}")
                    continue
                run.write(figures, self.folder)
                bar.write(f"{title}: {_in_short(figures)}")


def _watch(bar: tqdm, title: str) -> protocol.Watch:
    """Show the stage and epoch behind the bar; where there is no terminal, each evaluated epoch in a line."""

    def watch(stage: str, epoch: Epoch) -> None:
        if sys.stderr.isatty():
            bar.set_postfix(stage=stage, epoch=epoch.number)
        elif epoch.validation:
            value = epoch.validation[SELECTION_METRIC]
            print(f"{title}: {stage} epoch {epoch.number} {SELECTION_METRIC} {value:.4f}", flush=True)

    return watch


def _in_short(figures: dict[str, Any]) -> str:
    return ", ".join(f"{name} {100 * figures['metrics'][name]:.2f}" for name in ("HR@20", "NDCG@20"))


def command_line(
    description: str | None, recipes: Sequence[Recipe], chosen: Sequence[str], seeds: int
) -> argparse.ArgumentParser:
    """The options that every table has.

    Args:
        description: of the command.
        recipes: of the table.
        chosen: the datasets where none are named.
        seeds: their number where it is not given.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", nargs="+", choices=list(FILES), default=list(chosen))
    names = [recipe.name for recipe in recipes]
    parser.add_argument("--recipes", nargs="+", choices=names, default=names, help="to run; the table shows all")
    parser.add_argument("--seeds", type=int, default=seeds, help=f"how many, from {FIRST_SEED} on")
    parser.add_argument("--threads", type=int, default=1, help="of torch; results hold for the number they ran with")
    parser.add_argument("--epochs", type=int, help="at most so many a stage, as recipes of their own: for a try")
    parser.add_argument("--table", action="store_true", help="only show what has been run")
    return parser


def carry_out(
    recipes: Sequence[Recipe],
    options: argparse.Namespace,
    folder: Path = runs.FOLDER,
    perform: Perform = protocol.run,
) -> Figures:
    """Run what the options ask for, unless only the table is wanted, and read all that has been run.

    Args:
        recipes: of the table.
        options: of `command_line`.
        folder: where the figures are.
        perform: trains and tests.

    Raises:
        SystemExit: with a sentence, where `Sweep.finish` or `Sweep.figures` have one.
    """
    seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
    chosen = [recipe for recipe in recipes if recipe.name in options.recipes]
    if options.epochs:
        chosen = recipes = [protocol.shortened(recipe, options.epochs) for recipe in chosen]
        folder = TRIES / folder.name
    torch.set_num_threads(options.threads)
    try:
        if not options.table:
            Sweep(chosen, options.datasets, seeds, folder, perform=perform).finish()
        return Sweep(recipes, options.datasets, seeds, folder).figures()
    except ValueError as error:
        raise SystemExit(str(error)) from None
