"""Training by epochs: a generator that learns one epoch at a time and leaves logging and saving to its caller."""

import copy
import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adrec.batches import Batch, shuffled
from adrec.model import Network
from adrec.sequences import Histories

SELECTION_METRIC = "NDCG@20"
COSINE_HORIZON = 500  # epochs until the learning rate would reach zero, as in the released code


@dataclass(frozen=True)
class Epoch:
    """What one epoch did.

    Attributes:
        number: from 1 on.
        losses: mean over batches, by name.
        validation: metrics, or None where this epoch was not evaluated.
    """

    number: int
    losses: dict[str, float]
    validation: dict[str, float] | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass
class Learner:
    """A network in training, and all that its training remembers from one epoch to the next.

    Random numbers are no part of it: those of an epoch follow from `seed`, `name` and the epoch's number alone.
    """

    name: str
    network: Network
    optimizer: torch.optim.Adam
    seed: int
    device: torch.device
    log: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    best_weights: dict[str, Tensor] | None = None

    @property
    def best_value(self) -> float:
        """The selection metric of the best epoch so far; minus infinity before the first evaluation."""
        validated = (epoch.validation for epoch in self.log if epoch.validation)
        return max((metrics[SELECTION_METRIC] for metrics in validated), default=-math.inf)

    def record(self, epoch: Epoch) -> None:
        """Add an epoch to the log and keep its weights if it is the best so far."""
        improved = epoch.validation is not None and epoch.validation[SELECTION_METRIC] > self.best_value
        self.log.append(epoch)
        if improved:
            self.best_epoch = epoch.number
            self.best_weights = copy.deepcopy(self.network.state_dict())

    def weights(self) -> dict[str, Tensor]:
        """The best weights by validation; the latest where nothing was evaluated."""
        return self.best_weights if self.best_weights is not None else self.network.state_dict()


def fit(
    learner: Learner,
    histories: Histories,
    *,
    epochs: int,
    batch_size: int,
    max_length: int,
    learning_rate: float,
    before_step: Callable[[Network], None] = lambda network: None,
) -> Iterator[Epoch]:
    """Train until `epochs` are done, yielding each without validation; the caller records it.

    Args:
        learner: continues after the epochs in its log.
        histories: what training may see.
        epochs: in all, those in the log included.
        batch_size: users.
        max_length: inputs per user, the most recent ones.
        learning_rate: of the first epoch; it follows a cosine over `COSINE_HORIZON` epochs.
        before_step: called between the backward pass and the optimiser's step.

    Raises:
        FloatingPointError: a loss is not finite, or an epoch leaves weights that are not.
    """
    for number in range(len(learner.log) + 1, epochs + 1):
        for group in learner.optimizer.param_groups:
            group["lr"] = learning_rate * (1 + math.cos(math.pi * (number - 1) / COSINE_HORIZON)) / 2
        seed = derived_seed(learner.seed, learner.name, number)
        torch.manual_seed(seed)
        learner.network.train()
        totals: dict[str, list[float]] = {}
        for step, batch in enumerate(shuffled(histories, max_length, batch_size, np.random.default_rng(seed)), 1):
            for name, value in _step(learner, batch.to(learner.device), before_step).items():
                if not math.isfinite(value):
                    raise _divergence(learner, f"the {name} loss", str(value), number, step, learning_rate)
                totals.setdefault(name, []).append(value)
        if not all(bool(weight.isfinite().all()) for weight in learner.network.parameters()):
            raise _divergence(learner, "a weight", "not finite", number, step, learning_rate)
        yield Epoch(number, {name: float(np.mean(values)) for name, values in totals.items()}, None)


def _divergence(
    learner: Learner, what: str, value: str, epoch: int, step: int, learning_rate: float
) -> FloatingPointError:
    return FloatingPointError(
        f"{what} of {learner.name} is {value} at epoch {epoch}, step {step}; "
        f"try a smaller {learner.name}.learning_rate than {learning_rate}"
    )


def _step(learner: Learner, batch: Batch, before_step: Callable[[Network], None]) -> dict[str, float]:
    """One step of the optimiser on the sum of the losses; returns them."""
    learner.optimizer.zero_grad(set_to_none=True)
    losses = learner.network.losses(batch)
    sum(losses.values(), torch.zeros((), device=learner.device)).backward()
    before_step(learner.network)
    learner.optimizer.step()
    return {name: float(value.detach()) for name, value in losses.items()}


def patience_is_over(log: list[Epoch], patience: int) -> bool:
    """Whether the last `patience` evaluations all failed to improve on the best before them."""
    values = [epoch.validation[SELECTION_METRIC] for epoch in log if epoch.validation]
    return len(values) > patience and max(values[-patience:]) <= max(values[:-patience])


def derived_seed(seed: int, name: str, epoch: int) -> int:
    """A seed for one epoch of one stage, in 0..2^63 - 1, unrelated to its neighbours."""
    digest = hashlib.sha256(f"{seed}/{name}/{epoch}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
