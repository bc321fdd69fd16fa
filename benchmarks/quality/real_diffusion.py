"""Whether diffusion helps to recommend: ADRec as published against ADRec whose denoiser denoises.

    ADREC_DATA_DIR=… python -m benchmarks.quality.real_diffusion [--datasets ml-100k] [--seeds 3] [--recipes NAME …]

Runs what `benchmarks/results/real_diffusion` does not have yet, and may be stopped and started again between runs;
trained weights stay in `artifacts/protocol`. Prints the tables and writes them as `real_diffusion.md`, with all values
as `real_diffusion.json`, and drawn as `real_diffusion-<dataset>.svg`, below `benchmarks/results`. `--table` trains
nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from adrec.config.params import load
from adrec.data.dataset import Dataset
from adrec.diffusion.process import Diffusion
from adrec.files import new_file
from adrec.recommenders.adrec import ADRec
from benchmarks.harness import protocol, record, sweep
from benchmarks.harness.protocol import Recipe
from benchmarks.quality import ablations, calibration, denoising, real_diffusion_picture, sampling
from benchmarks.quality.exact import ExactDenoiser
from benchmarks.quality.real_diffusion_tables import Found, report

SEEDS = 3
DATASETS = ("ml-100k",)
ADREC = "adrec"
PARAMS = Path("params.yaml")
FOLDER = record.RESULTS / "real_diffusion"
AVERAGED_IN = (8, 32)  # reverse steps in which several draws are averaged

# The pieces with which the denoiser has something to do (docs/findings.md): learned as it comes …
LEARNED = ablations.REAL_DIFFUSION
# … and with what is known of the noise left to Bayes' rule.
POSTERIOR = {
    "latent": "standardised",
    "conditioning": "gated_sum",
    "estimate": "posterior",
    "reverse_steps": 1,  # of what validation selects: one draw of many steps is one item of many
}


def recipes(params: Mapping[str, Any]) -> dict[str, Recipe]:
    """What is compared, by what it is called in the tables."""
    base = protocol.adrec(ADREC, params)
    return {
        "ADRec": base,
        "learned denoiser": base.varied("real-diffusion", **LEARNED),
        "posterior denoiser": base.varied("posterior", **POSTERIOR),
    }


def perform(recipe: Recipe, data: Dataset, seed: int, watch: protocol.Watch, cache: Path) -> dict[str, Any]:
    """Train, or take the weights of an earlier training, and measure; as `protocol.run`."""
    found, model, stages = protocol.kept(recipe, data, seed, watch, cache)
    network = cast(ADRec, found)
    clean_VD = network.clean(torch.arange(1, len(data.catalogue) + 1)).detach()
    ask = partial(sampling.ask, network, data, model.max_length)
    levels = denoising.by_level(network, data, model.max_length, seed)
    figures = measured(ask, clean_VD, model.diffusion_steps, levels)
    if recipe.name == ADREC:
        exact = exact_denoiser(ask, clean_VD, network.diffusion)
        levels = exact.by_level(denoising.indices(model.diffusion_steps))
        figures["exact"] = measured(exact.ask, clean_VD, model.diffusion_steps, levels)
    return {"metrics": list(figures["by_steps"].values())[-1], **figures, "stages": stages}


def measured(ask: sampling.Ask, clean_VD: Tensor, all_steps: int, by_level: dict[str, Any]) -> dict[str, Any]:
    """All figures of one way to answer."""
    steps = [each for each in sampling.STEPS if each <= all_steps]
    return {
        "by_steps": sampling.by_steps(ask, steps),
        "by_draws": {str(each): sampling.by_draws(ask, clean_VD, each) for each in AVERAGED_IN if each in steps},
        "by_level": by_level,
    }


def exact_denoiser(ask: sampling.Ask, clean_VD: Tensor, diffusion: Diffusion) -> ExactDenoiser:
    """That of the ranker which the network is in one step, at the temperature that suits validation."""
    answers = {split: ask(split, 1, 1) for split in ("validation", "test")}
    temperature = calibration.fitted_temperature(answers["validation"].draws_KUV, answers["validation"].columns_U)
    scaled = {split: replace(each, draws_KUV=each.draws_KUV / temperature) for split, each in answers.items()}
    return ExactDenoiser(scaled, clean_VD / clean_VD.square().mean().sqrt(), diffusion)


def by_title(figures: sweep.Figures, titles: Mapping[str, str]) -> dict[str, dict[str, Found]]:
    """Figures by dataset and what the recipe is called, in the order of seeds; the exact denoisers come last."""
    found: dict[str, dict[str, Found]] = {}
    for (dataset, name), by_seed in figures.items():
        found.setdefault(dataset, {})[titles[name]] = list(by_seed.values())
    for of_dataset in found.values():
        for title, runs in list(of_dataset.items()):
            exact = [run["exact"] for run in runs if "exact" in run]
            if exact:
                of_dataset[f"{title}, exact denoiser"] = exact
    return found


def write(found: Mapping[str, Mapping[str, Found]], folder: Path = record.RESULTS) -> list[Path]:
    """Write the tables, the values by seed, and the picture of each dataset."""
    reports = "\n\n".join(f"### {dataset}\n\n{report(runs)}" for dataset, runs in found.items())
    contents = {
        "real_diffusion.md": reports,
        "real_diffusion.json": json.dumps({**record.surroundings(), **found}, indent=2),
    }
    written = record.write_texts(folder, contents)
    pictures = [folder / f"real_diffusion-{dataset}.svg" for dataset in found]
    for path, runs in zip(pictures, found.values(), strict=True):
        with new_file(path) as unfinished:
            real_diffusion_picture.draw({title: each for title, each in runs.items() if each}, unfinished)
    return [*written, *pictures]


def main(words: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    variants = recipes(load(PARAMS))
    chosen = list(variants.values())
    options = sweep.command_line(__doc__, chosen, DATASETS, SEEDS).parse_args(words)
    figures = sweep.carry_out(chosen, options, FOLDER, perform)
    if options.epochs:
        return  # nothing to compare
    found = by_title(figures, {recipe.name: title for title, recipe in variants.items()})
    print("\n\n".join(report(runs) for runs in found.values()))
    print("written to", *write(found))


if __name__ == "__main__":
    main()
