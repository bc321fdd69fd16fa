"""How fast a GPU trains, and how fast it could.

    ADREC_DATA_DIR=… python -m benchmarks.speed.training_rate

For stages 1 and 3 on Amazon Baby, 512 users a step: tokens a second, and the floor of a step as a share of its time.
The floor is the longer of two times that no step can be below on this device: its products at the rate of one large
product, and what Adam reads and writes at the rate of one large copy, both measured in the same run. Then the seconds
of an epoch of each dataset. These are absolute times, which only a GPU of one's own has; without CUDA the command ends.
Prints tables and writes `benchmarks/results/training_rate.json`.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, cast

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from adrec import config
from adrec.config.params import load
from adrec.data.dataset import Dataset
from adrec.data.histories import Histories
from adrec.nn.batches import DeviceHistories, pack
from adrec.training import stages
from adrec.training.trainer import Objective, TrainState
from benchmarks.harness import datasets, record
from benchmarks.speed.training import BATCH, SEED, now, our_epoch, train_state

PARAMS = Path("params.yaml")
SETTINGS: dict[str, dict[str, Any]] = {
    "float32": {},
    "float32, compiled": {"compile": True},
    "bfloat16": {"precision": "bfloat16"},
    "bfloat16, compiled": {"precision": "bfloat16", "compile": True},
}
ADAM_PASSES = 7  # the weight, its gradient and two moments are read, and all but the gradient written
PRODUCT = 8192  # rows and columns of the large product
COPY = 2**28  # floats of the large copy


@dataclass(frozen=True)
class Rates:
    """What a device can do.

    Attributes:
        product: floating-point operations a second of a large matrix product.
        copy: bytes a second, read and written, of a large copy.
    """

    product: float
    copy: float

    @classmethod
    def measured(
        cls, device: torch.device, precision: torch.dtype, rounds: int, product: int = PRODUCT, copy: int = COPY
    ) -> "Rates":
        """Those of `device`: medians over rounds."""
        square, source = torch.randn(product, product, device=device).to(precision), torch.zeros(copy, device=device)
        target = torch.empty_like(source)
        return cls(
            product=2 * product**3 / median_seconds(lambda: torch.mm(square, square), rounds),
            copy=2 * source.nbytes / median_seconds(lambda: target.copy_(source), rounds),
        )

    def floor(self, operations: int, weights: int) -> float:
        """Seconds that a step of so many operations in products and so many float32 weights takes at least."""
        return max(operations / self.product, ADAM_PASSES * 4 * weights / self.copy)


def median_seconds(run: Callable[[], Any], rounds: int) -> float:
    """Of one run, after one that does not count."""
    spent = []
    for _ in range(rounds + 1):
        start = now()
        run()
        spent.append(now() - start)
    return median(spent[1:])


def operations(student: TrainState, histories: Histories, max_length: int) -> int:
    """Floating-point operations in the products of a step over all of `histories`, forward and backward."""
    resident = DeviceHistories.of(histories, max_length, student.device)
    batch = pack(resident, np.arange(len(histories)), max_length, student.network.padding.num_sink_tokens)
    student.network.train()
    with FlopCounterMode(display=False, custom_mapping={torch.ops.aten.addmm_: _added_product}) as counter:
        torch.stack(list(Objective(student.network, student.precision)(batch).values())).sum().backward()
    student.optimizer.zero_grad()
    return int(counter.get_total_flops())


def _added_product(to_shape: torch.Size, left_shape: torch.Size, right_shape: torch.Size, **others: Any) -> int:
    """Operations of a product that is added in place, which torch's counter does not know."""
    return 2 * left_shape.numel() * right_shape[1]


def of_settings(stage: stages.Stage, model: config.Model, data: Dataset, rounds: int) -> dict[str, dict[str, float]]:
    """`of_step` in every setting, on the same users, on the device of `model`."""
    users = data.training.only(np.random.default_rng(SEED).choice(len(data.training), BATCH, replace=False))
    found = {}
    for setting, changes in SETTINGS.items():
        changed = replace(model, **changes)
        rates = Rates.measured(stages.choose_device(model.device), stages.PRECISIONS[changed.precision], rounds)
        found[setting] = of_step(stage, changed, len(data.catalogue), users, rates, rounds)
    return found


def of_step(
    stage: stages.Stage, model: config.Model, num_items: int, histories: Histories, rates: Rates, rounds: int
) -> dict[str, float]:
    """Tokens a second, and the floor of a step as a share of its time."""
    counted = train_state(stage, replace(model, compile=False), num_items)
    floor = rates.floor(
        operations(counted, histories, model.max_length),
        sum(weight.numel() for weight in counted.network.parameters()),
    )
    epoch = our_epoch(train_state(stage, model, num_items), model)
    seconds = median_seconds(lambda: epoch(histories), rounds)
    tokens = int(np.minimum(histories.lengths - 1, model.max_length).sum())
    return {"tokens_per_second": tokens / seconds, "share_of_floor": floor / seconds}


def of_epoch(stage: stages.Stage, model: config.Model, data: Dataset, rounds: int) -> float:
    """Seconds of an epoch over a dataset, without its validation."""
    epoch = our_epoch(train_state(stage, model, len(data.catalogue)), model)
    return median_seconds(lambda: epoch(data.training), rounds)


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = ["| step | setting | tokens/s | floor / time |", "|---|---|---|---|"]
    for stage, settings in figures["steps"].items():
        lines += [
            f"| {stage} | {setting} | {found['tokens_per_second']:,.0f} | {100 * found['share_of_floor']:.0f} % |"
            for setting, found in settings.items()
        ]
    names = list(next(iter(figures["epochs"].values())))
    lines += ["", f"| seconds of an epoch | {' | '.join(names)} |", "|---" * (1 + len(names)) + "|"]
    for name, seconds in figures["epochs"].items():
        lines.append(f"| {name} | {' | '.join(f'{value:.2f}' for value in seconds.values())} |")
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit(
            "benchmarks.speed.training_rate gives absolute times, for which it needs a GPU; there is no CUDA device"
        )
    torch.cuda.init()
    torch.manual_seed(SEED)
    params = cast(dict[str, Any], load(PARAMS))
    model, rounds = replace(params["model"], device="cuda"), arguments.rounds
    both = {"stage 1": stages.pretrain_stage(params["pretrain"]), "stage 3": stages.finetune_stage(params["finetune"])}
    data = {name: datasets.load(name) for name in datasets.FILES}
    figures = {
        "batch": BATCH,
        "rounds": rounds,
        "steps": {name: of_settings(stage, model, data["baby"], rounds) for name, stage in both.items()},
        "epochs": {
            name: {stage: of_epoch(both[stage], model, each, rounds) for stage in both} for name, each in data.items()
        },
    }
    path = record.write("training_rate", SEED, figures)
    print(table(figures))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
