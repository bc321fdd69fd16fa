"""What each part of ADRec is worth: variants of the recipe by the paper's protocol, paired by seed with the original.

    ADREC_DATA_DIR=… python -m benchmarks.quality.ablations [--datasets ml-100k baby] [--seeds 3] [--recipes NAME …]

Runs what `benchmarks/results/protocol` does not have yet, and may be stopped and started again between runs. Prints
the tables and writes them as `ablations.md`, with all values as `ablations.json`, and drawn as `ablations.svg` below
`benchmarks/results`. `--table` trains nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from adrec.config.params import load
from adrec.files import new_file
from benchmarks.harness import protocol, record, sweep
from benchmarks.harness.protocol import Recipe
from benchmarks.harness.record import RESULTS
from benchmarks.harness.spread import shown
from benchmarks.quality import ablations_picture

SEEDS = 3
DATASETS = ("ml-100k", "baby")
PARAMS = Path("params.yaml")
METRICS = ("HR@20", "NDCG@20")
BASE = "adrec"
SMALL = 0.02  # the usual standard deviation of initial weights (BERT's); the released code has 0.1
SCALES = {0.0: "scale-0", 0.001: BASE, 0.01: "scale-0.01", 0.1: "scale-0.1", 1.0: "scale-1"}  # lambda

# The pieces with which the denoiser has something to do (docs/findings.md).
REAL_DIFFUSION = {
    "latent": "standardised",
    "levels": "half_from_noise",
    "conditioning": "projected_sum",
    "output": "linear",
}

Values = dict[int, float]  # by seed, in per cent


def recipes(params: Mapping[str, Any]) -> dict[str, Recipe]:
    """Every variant beside what its row is called; the original comes first."""
    base = protocol.released(BASE, params)
    return {
        "ADRec": base,
        **mask_seen(base),
        **read_otherwise(base, params),
        **exchanged(base),
        **{
            f"lambda = {scale:g}{' (CE and MSE without noise)' * (scale == 0)}": base.varied(
                name, conditioning_scale=scale
            )
            for scale, name in SCALES.items()
            if name != BASE
        },
        "SASRec+, its first stage": protocol.sasrec_plus("sasrec-plus", params),
        "SASRec+, four blocks": protocol.sasrec_plus("sasrec-plus-four-blocks", params, encoder_blocks=4),
        "SASRec, padding seen, no positions": protocol.stage_one("stage-1", params, attention="sink"),
        **from_small_weights(base, params),
        "real diffusion": base.varied("real-diffusion", **REAL_DIFFUSION),
    }


def mask_seen(base: Recipe) -> dict[str, Recipe]:
    """The paper's own five (its Table 4)."""
    return {
        "without warm-up": replace(base, name="without-warmup", warmup=None),
        "without pre-training": replace(base, name="without-pretrain", pretrain=None),
        "without MSE": base.varied("without-mse", denoising_weight=0.0),
        "without the causal attention module": base.varied("without-encoder", encoder_blocks=0),
        "MLP as denoiser": base.varied("mlp", denoiser="perceptron"),
    }


def read_otherwise(base: Recipe, params: Mapping[str, Any]) -> dict[str, Recipe]:
    """What the paper's text, the released code and the weights that come with it say differently."""
    return {
        "stage 1 without positions (the code)": replace(base, name="no-positions-in-stage-1", first=base.model),
        "padding not seen": base.varied("masked", attention="masked"),
        "padding not seen, positions in all stages": base.varied("positions", attention="masked", positions="learned"),
        "a true freeze": replace(protocol.frozen(base, "exact"), name="exact"),
        "all three (the paper's text)": protocol.adrec("paper-text", params),
        "mean of the gradients (the code)": combined(base, "mean"),
    }


def exchanged(base: Recipe) -> dict[str, Recipe]:
    """Other pieces in the place of the original's."""
    return {
        "PCGrad": combined(base, "pcgrad"),
        "cross-attention": base.varied("cross-attention", conditioning="cross_attention"),
        "geodesic noise": base.varied("geodesic", noise="geodesic"),
        "cosine schedule": base.varied("cosine", schedule="cosine"),
        "square-root schedule": base.varied("square-root", schedule="square_root"),
        "products in float32": replace(
            base.varied("float32", precision="float32"), first=replace(base.first, precision="float32")
        ),
        "T = 8": base.varied("8-steps", diffusion_steps=8),
        "T = 1": base.varied("1-step", diffusion_steps=1),
    }


def from_small_weights(base: Recipe, params: Mapping[str, Any]) -> dict[str, Recipe]:
    """What begins with the usual standard deviation of weights instead of the released code's."""
    title = f"initial weights of {SMALL:g}"
    return {
        title: small(base),
        f"{title}, without pre-training": small(replace(base, name="without-pretrain", pretrain=None)),
        f"SASRec+, {title}": small(protocol.sasrec_plus("sasrec-plus", params)),
        f"SASRec, padding seen, no positions, {title}": small(protocol.stage_one("stage-1", params, attention="sink")),
    }


def small(recipe: Recipe) -> Recipe:
    """The recipe begun with small weights in stage 1; and with small item embeddings, where there is no stage 1."""
    first, model = (replace(each, initial_std=SMALL) for each in (recipe.first, recipe.model))
    return replace(recipe, name=f"small-{recipe.name}", first=first, model=model)


def combined(base: Recipe, gradients: Literal["sum", "mean", "pcgrad"]) -> Recipe:
    """The recipe with another way to make one gradient of those of the two losses."""
    return replace(
        base,
        name=gradients,
        warmup=base.warmup and replace(base.warmup, gradients=gradients),
        finetune=base.finetune and replace(base.finetune, gradients=gradients),
    )


def values(by_seed: Mapping[int, Mapping[str, Any]], metric: str) -> Values:
    """The metric by seed, in per cent."""
    return {seed: 100 * by_seed[seed]["metrics"][metric] for seed in sorted(by_seed)}


def differences(variant: Values, base: Values) -> Values:
    """Variant less base, of the seeds that both have."""
    return {seed: value - base[seed] for seed, value in variant.items() if seed in base}


def summary(found: sweep.Figures, titles: Mapping[str, str]) -> dict[str, dict[str, dict[str, dict[str, Values]]]]:
    """Values and differences from the original by dataset, title of the variant, and metric."""
    return {
        dataset: {
            title: {
                metric: {
                    "values": (own := values(found[dataset, name], metric)),
                    "differences": differences(own, values(found[dataset, BASE], metric)),
                }
                for metric in METRICS
            }
            for name, title in titles.items()
        }
        for dataset in dict.fromkeys(dataset for dataset, _ in found)
    }


def table(of_dataset: Mapping[str, Mapping[str, Mapping[str, Values]]]) -> str:
    """The variants on one dataset as Markdown."""
    titles = " | ".join(f"{metric} (seeds) | difference" for metric in METRICS)
    lines = [f"| variant | {titles} |", "|---" * (1 + 2 * len(METRICS)) + "|"]
    for place, (title, metrics) in enumerate(of_dataset.items()):
        cells = (
            f"{shown(list(metric['values'].values()))} | "
            f"{shown(list(metric['differences'].values()), '+') if place else ''}"
            for metric in metrics.values()
        )
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def steps_table(found: sweep.Figures, dataset: str) -> str:
    """What lambda and the number of reverse steps of the same network do to NDCG@20, and what it is as a denoiser."""
    lines = [
        "| lambda | seeds | NDCG@20 in all steps | in 8 | in 1 | same top 20 in 8 | in 1 | MSE | of answering zero |",
        "|---" * 9 + "|",
    ]
    for scale, name in SCALES.items():
        runs = list(found[dataset, name].values())
        if not runs:
            continue
        cells = [100 * fmean(run["metrics"]["NDCG@20"] for run in runs)]
        for figure in ("NDCG@20", "overlap"):
            cells += [100 * fmean(run["reverse_steps"][steps][figure] for run in runs) for steps in ("8", "1")]
        errors = [fmean(run["denoising"][key] for run in runs) for key in ("mse", "mse_of_zero")]
        texts = [f"{cell:.2f}" for cell in cells] + [f"{error:.4f}" for error in errors]
        lines.append(f"| {scale:g} | {len(runs)} | {' | '.join(texts)} |")
    return "\n".join(lines)


def report(found: sweep.Figures, titles: Mapping[str, str]) -> str:
    """All tables as Markdown."""
    return "\n\n".join(
        f"### {dataset}\n\n{table(variants)}\n\n{steps_table(found, dataset)}"
        for dataset, variants in summary(found, titles).items()
    )


def write(found: sweep.Figures, titles: Mapping[str, str], folder: Path = RESULTS) -> list[Path]:
    """Write the tables, the values by seed with what they ran on, and the picture."""
    figures = summary(found, titles)
    contents = {
        "ablations.md": report(found, titles),
        "ablations.json": json.dumps({**sweep.surroundings(found), **figures}, indent=2),
    }
    written = record.write_texts(folder, contents)
    with new_file(folder / "ablations.svg") as unfinished:
        ablations_picture.draw(figures, unfinished)
    return [*written, folder / "ablations.svg"]


def main(words: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    variants = recipes(load(PARAMS))
    chosen = list(variants.values())
    options = sweep.command_line(__doc__, chosen, DATASETS, SEEDS).parse_args(words)
    found = sweep.carry_out(chosen, options)
    if options.epochs:
        return  # nothing to compare
    titles = {recipe.name: title for title, recipe in variants.items()}
    print(report(found, titles))
    print("written to", *write(found, titles))


if __name__ == "__main__":
    main()
