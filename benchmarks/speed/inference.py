"""The cached sampler against the loop over all positions, on one thread.

    python -m benchmarks.speed.inference

The loop is what the released code does at each of T reverse steps: time embeddings and denoiser over every position of
the padded histories. Here it runs on this project's own layers (fused attention, norm and activation), so the ratio
is that of the algorithm. The cached sampler runs S = T, 8 and 1 steps; at S = T it is held against the loop. All are
timed in one process by its CPU time; a ratio is between medians. Weights are random. How many steps a single
request can try at once depends on how much the noise moves the denoiser, so it is timed at a large lambda too.
Prints a table and writes `benchmarks/results/inference_speed.json`.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from adrec.config import Model
from adrec.config.params import load
from adrec.diffusion.conditioning import ScaledSum
from adrec.recommenders.adrec import ADRec, Sampler
from benchmarks.harness import record

ITEMS = 4731  # as in Amazon Baby
LAMBDA = 0.5  # instead of 0.001, where outputs are compared: there the noise of every step must count
TOP = 20
SEED = 0
FEWER = (8, 1)
BABY = ((3, 0.5), (9, 0.9), (25, 0.99), (50, 1.0))  # lengths and the share of histories of at most that length


def loop(model: ADRec, items_BL: Tensor, lengths_B: Tensor) -> Tensor:
    """The reverse process with everything computed again for all positions at each step, [B, D]."""
    rows, last = torch.arange(len(items_BL)), lengths_B - 1
    layout, items_M = model.pack_histories(
        items_BL, torch.full_like(lengths_B, items_BL.shape[1])
    )  # a row for each history
    mask_B1LL = model.padding.over_rows(layout)
    condition_BLD = model.condition(items_M, layout, mask_B1LL)
    noise_SD = Sampler(model).noise_SD
    x_BLD = model.clean(items_BL.roll(-1, 1))
    t_BL = torch.zeros_like(items_BL)
    noisy_BD = noise_SD[0].expand(len(items_BL), -1)
    for step, noise_D in zip(model.reversal, noise_SD.roll(-1, 0), strict=True):
        x_BLD[rows, last], t_BL[rows, last] = noisy_BD, torch.tensor(step.t)
        mixed_BLD = model.conditioning(condition_BLD, x_BLD, model.time_embedding(t_BL), mask_B1LL)
        noisy_BD = step.draw(model.denoiser(mixed_BLD, mask_B1LL)[rows, last], noisy_BD, noise_D)
    return noisy_BD


def shapes(max_length: int) -> dict[str, np.ndarray]:
    """Lengths of the histories in each batch that is timed."""
    random = np.random.default_rng(SEED)
    lengths, shares = zip(*((1, 0.0), *BABY), strict=True)
    baby = np.ceil(np.interp(random.random(64), shares, lengths)).astype(np.int64)
    full = np.full(64, max_length)
    typical = np.array([round(float(baby.mean()))])
    return {"B=1, L=50": full[:1], "B=64, L=50": full, "B=1, Baby": typical, "B=64, Baby": baby}


def histories(lengths: np.ndarray, width: int) -> Tensor:
    """Random items in right-padded rows of `width`, int64 [B, width]."""
    items_BL = torch.randint(1, ITEMS + 1, (len(lengths), width), generator=torch.Generator().manual_seed(SEED))
    return items_BL.where(torch.arange(width) < torch.from_numpy(lengths)[:, None], 0)


def compare(model: ADRec, lengths: np.ndarray, max_length: int, scale: float) -> dict[str, Any]:
    """Ratios at lambda = `scale`, largest difference and agreement of the best items, of one batch.

    The loop pads to `max_length`.
    """
    rounds = 60 if len(lengths) == 1 else 12
    conditioning = cast(ScaledSum, model.conditioning)
    conditioning.scale = scale
    lengths_B = torch.from_numpy(lengths)
    padded_BL, tight_BL = histories(lengths, max_length), histories(lengths, max_length)[:, : lengths.max()]

    def cached(steps: int) -> Callable[[], Tensor]:
        return partial(model.in_steps(steps).prepared(), tight_BL, lengths_B)

    rivals: dict[str, Callable[[], Tensor]] = {str(steps): cached(steps) for steps in (model.diffusion.steps, *FEWER)}
    rivals["loop"] = partial(loop, model.in_steps(model.diffusion.steps), padded_BL, lengths_B)
    seconds = interleaved(rivals, rounds)
    conditioning.scale = LAMBDA
    ours_BD, theirs_BD = (rivals[name]() for name in (str(model.diffusion.steps), "loop"))
    items_DV = model.item_embedding.weight[1:].T
    tops = [(x_BD @ items_DV).topk(TOP).indices for x_BD in (ours_BD, theirs_BD)]
    return {
        "times_faster": {steps: seconds["loop"] / seconds[steps] for steps in rivals if steps != "loop"},
        "largest_difference": float((ours_BD - theirs_BD).abs().max()),
        "same_top_20": float((tops[0] == tops[1]).all(dim=1).float().mean()),
        "mean_length": float(lengths.mean()),
        "lambda": scale,
        "rounds": rounds,
    }


def interleaved(rivals: dict[str, Callable[[], Tensor]], rounds: int) -> dict[str, float]:
    """Median CPU seconds of each, timed in turn right after an untimed run of its own, in rounds of random order.

    A service does one thing all the time. Without that run each would be timed with the memory that another left: the
    loop gives so much back to the system that whoever comes next has to ask for it page by page.
    """
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    order = np.random.default_rng(SEED)
    for _ in range(rounds):
        for name in order.permutation(list(rivals)):
            rivals[name]()
            start = time.process_time()
            rivals[name]()
            seconds[name].append(time.process_time() - start)
    return {name: median(values) for name, values in seconds.items()}


def table(found: dict[str, dict[str, Any]]) -> str:
    """The ratios as Markdown."""
    steps = list(next(iter(found.values()))["times_faster"])
    lines = [
        f"| times faster at S = | {' | '.join(steps)} | largest difference | same top {TOP} |",
        "|---" * (len(steps) + 3) + "|",
    ]
    for name, figures in found.items():
        ratios = " | ".join(f"{figures['times_faster'][number]:.1f}x" for number in steps)
        same = f"{100 * figures['same_top_20']:.0f} %"
        lines.append(f"| {name} | {ratios} | {figures['largest_difference']:.1e} | {same} |")
    return "\n".join(lines)


@torch.inference_mode()
def main() -> None:
    """Run the benchmark."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    config = cast(Model, load(Path("params.yaml"))["model"])
    model = ADRec(config, ITEMS).eval()
    batches = shapes(config.max_length)
    found = {
        name: compare(model, lengths, config.max_length, config.conditioning_scale) for name, lengths in batches.items()
    }
    single = next(iter(batches))
    found[f"{single}, lambda = {LAMBDA}"] = compare(model, batches[single], config.max_length, LAMBDA)
    path = record.write("inference_speed", SEED, {"threads": 1, "model": config.as_dict(), "figures": found})
    print(table(found))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
