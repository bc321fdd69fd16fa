"""What a training step costs, against the authors' arithmetic on padded batches (`benchmarks/speed/padded.py`).

    ADREC_DATA_DIR=… python -m benchmarks.speed.training [--device cuda]

Both run in this process, in turn, on one thread, on the same 512 users at a time of Amazon Baby. A step is all that a
step is: batch, forward, backward, Adam. Times are CPU times of this process, or what passes until a GPU is done, and
only their ratios are kept. Then the cost of our step with more items, and of an epoch with more users. Prints tables,
draws `training_speed.svg` and writes `training_speed.json` below `benchmarks/results` (`training_speed_cuda` on a GPU).
"""

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from adrec import config
from adrec.config.params import load
from adrec.data.histories import Histories
from adrec.nn.batches import DeviceHistories, pack
from adrec.recommenders.adrec import ADRec
from adrec.recommenders.sasrec import SASRec
from adrec.training import stages
from adrec.training.trainer import TrainState, fit
from benchmarks.harness import datasets, record
from benchmarks.speed import padded, training_picture

SEED = 2025
BATCH = 512
CATALOGUES = (1_000, 12_000, 65_000, 1_000_000)
TIMES_THE_USERS = (1, 2, 4, 8)
TOLERANCE = 1e-5  # two ways to compute the same loss differ by less

Way = Callable[[Histories], None]


def train_state(stage: stages.Stage, model: config.Model, num_items: int, **changes: Any) -> TrainState:
    """A fresh learner of `model` with changes."""
    return stages.begin(stage, replace(model, **changes), num_items, {})


def our_epoch(student: TrainState, model: config.Model) -> Way:
    """An epoch of the trainer, which over as many users as a batch holds is one step."""

    def run(histories: Histories) -> None:
        epochs = fit(
            student,
            histories,
            epochs=len(student.log) + 1,
            batch_size=BATCH,
            max_length=model.max_length,
            learning_rate=1e-3,
        )
        for epoch in epochs:
            student.record(epoch)

    return run


def padded_step(student: TrainState, model: config.Model) -> Way:
    """The same step by the authors' arithmetic."""

    def run(histories: Histories) -> None:
        student.network.train()
        items_BL, targets_BL = as_padded(student, model, histories)
        padded.step(padded_losses(student, items_BL, targets_BL), student.optimizer)

    return run


def as_padded(student: TrainState, model: config.Model, histories: Histories) -> tuple[torch.Tensor, torch.Tensor]:
    """The batch as the authors build it, on the learner's device."""
    items_BL, targets_BL = padded.load([history.tolist() for history in histories], model.max_length)
    return items_BL.to(student.device), targets_BL.to(student.device)


def padded_losses(student: TrainState, items_BL: torch.Tensor, targets_BL: torch.Tensor) -> dict[str, torch.Tensor]:
    """The losses by the authors' arithmetic, with noise drawn as they draw it."""
    if isinstance(student.network, SASRec):
        return padded.sasrec_losses(student.network, items_BL, targets_BL)
    network = cast(ADRec, student.network)
    t_BL = torch.from_numpy(np.random.default_rng(SEED).integers(0, network.diffusion.steps, items_BL.shape))
    t_BL = t_BL.to(student.device)
    noise_BLD = torch.randn(*items_BL.shape, network.item_embedding.embedding_dim, device=student.device)
    return padded.adrec_losses(network, items_BL, targets_BL, t_BL, noise_BLD)


@torch.no_grad()
def largest_difference(student: TrainState, model: config.Model, histories: Histories) -> float:
    """How far, relatively, our losses are from the padded ones with the same weights, noise and no dropout."""
    network = student.network.eval()
    resident = DeviceHistories.of(histories, model.max_length, student.device)
    batch = pack(resident, np.arange(len(histories)), model.max_length, network.padding.num_sink_tokens)
    items_BL, targets_BL = as_padded(student, model, histories)
    if isinstance(network, SASRec):
        ours, theirs = network.losses(batch), padded.sasrec_losses(network, items_BL, targets_BL)
    else:  # a token's noise follows from its target, wherever the token stands
        adrec = cast(ADRec, network)
        t_V = torch.randint(adrec.diffusion.steps, (adrec.item_embedding.num_embeddings,), device=student.device)
        noise_VD = torch.randn_like(adrec.item_embedding.weight)
        ours = adrec.losses_given(batch, t_V[batch.targets_M], noise_VD[batch.targets_M])
        theirs = padded.adrec_losses(adrec, items_BL, targets_BL, t_V[targets_BL], noise_VD[targets_BL])
    return max(abs(ours[name].item() / theirs[name].item() - 1) for name in theirs)


def now() -> float:
    """Seconds: CPU time of this process, or on a GPU, once it is done with all it was given, the time that passes."""
    if not torch.cuda.is_initialized():
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def times(ways: Mapping[str, Way], histories: Histories, rounds: int) -> dict[str, np.ndarray]:
    """Seconds of each way, [rounds], in turn, each round on other users.

    All is done once before, unmeasured: what is compiled is compiled then.
    """
    random = np.random.default_rng(SEED)
    draws = [histories.only(random.choice(len(histories), BATCH, replace=False)) for _ in range(rounds)]
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for users in [*draws, *draws]:
        for name, step in ways.items():
            start = now()
            step(users)
            spent[name].append(now() - start)
    return {name: np.array(values[rounds:]) for name, values in spent.items()}


def compare(
    stage: stages.Stage, model: config.Model, num_items: int, histories: Histories, rounds: int
) -> dict[str, Any]:
    """How many times cheaper a step of `stage` is than the padded one, in each of our settings."""
    settings: dict[str, dict[str, Any]] = {
        "sink": {"attention": "sink"},
        "masked": {"attention": "masked"},
        "masked, compiled": {"attention": "masked", "compile": True},
        "masked, bfloat16": {"attention": "masked", "precision": "bfloat16"},
    }
    difference = largest_difference(
        train_state(stage, model, num_items, attention="sink"), model, histories.only(np.arange(BATCH))
    )
    if not difference < TOLERANCE:
        raise RuntimeError(f"{stage.name}: the losses differ by {difference}, so their costs are not comparable")
    ways = {name: our_epoch(train_state(stage, model, num_items, **of), model) for name, of in settings.items()}
    reference = padded_step(train_state(stage, model, num_items, attention="sink"), model)
    spent = times({**ways, "padded": reference}, histories, rounds)
    return {"loss_difference": difference, **{name: _ratio(spent["padded"], spent[name]) for name in ways}}


def by_items(stage: stages.Stage, model: config.Model, histories: Histories, rounds: int) -> dict[str, float]:
    """The cost of our step with more items, as a multiple of that with the fewest."""

    def way(count: int) -> Way:
        step = our_epoch(train_state(stage, model, count), model)
        return lambda users: step(replace(users, items=users.items % count + 1))

    spent = times({str(count): way(count) for count in CATALOGUES}, histories, rounds)
    fewest = np.median(spent[str(CATALOGUES[0])])
    return {count: round(float(np.median(values) / fewest), 2) for count, values in spent.items()}


def by_users(stage: stages.Stage, model: config.Model, num_items: int, histories: Histories) -> dict[str, float]:
    """The cost of an epoch with more users, as a multiple of that with Baby's."""
    spent = {}
    for number in TIMES_THE_USERS:
        repeated = histories.only(np.tile(np.arange(len(histories)), number))
        epoch, start = our_epoch(train_state(stage, model, num_items), model), now()
        epoch(repeated)
        spent[str(len(repeated))] = now() - start
    return {users: round(seconds / spent[str(len(histories))], 2) for users, seconds in spent.items()}


def _ratio(slow: np.ndarray, fast: np.ndarray) -> dict[str, Any]:
    """The ratio of the medians, and the range of the rounds' own ratios."""
    each = slow / fast
    return {
        "ratio": round(float(np.median(slow) / np.median(fast)), 1),
        "range": [round(float(bound), 1) for bound in (each.min(), each.max())],
    }


def table(figures: dict[str, Any]) -> str:
    """The ratios as Markdown."""
    lines = ["| step | setting | times cheaper than padded | range over rounds |", "|---|---|---|---|"]
    for name, stage in figures["against_padded"].items():
        for setting, found in stage.items():
            if setting != "loss_difference":
                lines.append(f"| {name} | {setting} | {found['ratio']} | {' to '.join(map(str, found['range']))} |")
    for key, title in (("by_items", "items"), ("by_users", "users")):
        lines += ["", f"| {title} | relative cost |", "|---|---|"]
        lines += [f"| {int(count):,} | {cost} |" for count, cost in figures[key].items()]
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    params, baby = cast(dict[str, Any], load(arguments.params)), datasets.load("baby")
    model, histories, num_items = replace(params["model"], device=arguments.device), baby.training, len(baby.catalogue)
    first, third = stages.pretrain_stage(params["pretrain"]), stages.finetune_stage(params["finetune"])
    tokens = np.minimum(histories.lengths - 1, model.max_length)
    figures = {
        "data": "Amazon Baby",
        "batch": BATCH,
        "rounds": arguments.rounds,
        "real_share_of_padded_tokens": round(float(tokens.mean() / model.max_length), 3),
        "against_padded": {
            f"stage {number}": compare(stage, model, num_items, histories, arguments.rounds)
            for number, stage in ((1, first), (3, third))
        },
        "by_items": by_items(third, model, histories, max(1, arguments.rounds // 3)),
        "by_users": by_users(third, model, num_items, histories),
    }
    path = record.write(f"training_speed{'_cuda' * (arguments.device == 'cuda')}", SEED, figures)
    training_picture.draw(figures, path.with_suffix(".svg"))
    print(table(figures))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
