"""Training by epochs: a generator that learns one epoch at a time and leaves logging and saving to its caller."""

import copy
import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from adrec.data.histories import Histories
from adrec.nn.batches import Batch, DeviceHistories, shuffled
from adrec.recommenders.base import EmbeddingNetwork
from adrec.training.distributed import ALONE, Place, average, share
from adrec.training.gradients import Combine, total

SELECTION_METRIC = "NDCG@20"
COSINE_HORIZON = 500  # epochs, if no more are asked for, until the learning rate would be zero, as in the released code


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


class Objective(nn.Module):
    """A network's losses as a forward pass, in the precision that is asked for."""

    def __init__(self, network: EmbeddingNetwork, precision: torch.dtype) -> None:
        super().__init__()
        self.network, self.precision = network, precision

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """As `Network.losses`; in a lower precision its products are rounded, the weights and their updates are not."""
        lower = self.precision != torch.float32
        with torch.autocast(batch.items_M.device.type, dtype=self.precision, enabled=lower):
            return self.network.losses(batch)


@dataclass
class TrainState:
    """A network in training, and all that its training remembers from one epoch to the next.

    Random numbers are no part of it: those of a step follow from `seed`, `name`, epoch and step alone. Its batches have
    a `multiple` of rows.
    """

    name: str
    network: EmbeddingNetwork
    optimizer: torch.optim.Adam
    seed: int
    device: torch.device
    precision: torch.dtype = torch.float32
    place: Place = ALONE
    multiple: int = 1
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
    train_state: TrainState,
    histories: Histories,
    *,
    epochs: int,
    batch_size: int,
    max_length: int,
    learning_rate: float,
    combine: Combine = total,
    before_step: Callable[[EmbeddingNetwork], None] = lambda network: None,
) -> Iterator[Epoch]:
    """Train until `epochs` are done, yielding each without validation; the caller records it.

    Args:
        train_state: continues after the epochs in its log.
        histories: what training may see.
        epochs: in all, those in the log included.
        batch_size: users, of all processes together.
        max_length: inputs per user, the most recent ones.
        learning_rate: of the first epoch; it follows half a cosine.
        combine: how the gradients of several losses become one.
        before_step: called between the backward pass and the optimiser's step.

    Raises:
        FloatingPointError: a loss is not finite, or an epoch leaves weights that are not.
    """
    objective = share(Objective(train_state.network, train_state.precision), train_state.place)
    resident = DeviceHistories.of(histories, max_length, train_state.device)
    for number in range(len(train_state.log) + 1, epochs + 1):
        for group in train_state.optimizer.param_groups:
            group["lr"] = learning_rate * (1 + math.cos(math.pi * (number - 1) / max(COSINE_HORIZON, epochs))) / 2
        train_state.network.train()
        steps = []
        for count, batch in enumerate(_batches(train_state, resident, number, batch_size), 1):
            # All processes draw the same noise for the whole batch, of which each uses its part (`Batch.own`).
            torch.manual_seed(derived_seed(train_state.seed, train_state.name, number, count))
            steps.append(step(train_state, objective, batch, combine, before_step))
        yield Epoch(number, _means(train_state, steps, number, learning_rate), None)


def _batches(train_state: TrainState, histories: DeviceHistories, epoch: int, batch_size: int) -> Iterator[Batch]:
    random = np.random.default_rng(derived_seed(train_state.seed, train_state.name, epoch))
    place, num_sink_tokens = train_state.place, train_state.network.padding.num_sink_tokens
    return shuffled(
        histories,
        batch_size,
        random,
        num_sink_tokens=num_sink_tokens,
        process=place.process,
        processes=place.processes,
        multiple=train_state.multiple,
    )


def step(
    train_state: TrainState,
    objective: nn.Module,
    batch: Batch,
    combine: Combine,
    before_step: Callable[[EmbeddingNetwork], None],
) -> dict[str, Tensor]:
    """One step of the optimiser; returns the losses, on the device still: to read them would make the host wait."""
    train_state.optimizer.zero_grad(set_to_none=True)
    losses = objective(batch)
    combine(list(losses.values()), [weight for weight in train_state.network.parameters() if weight.requires_grad])
    before_step(train_state.network)
    train_state.optimizer.step()
    return {name: value.detach() for name, value in losses.items()}


def _means(
    train_state: TrainState, steps: list[dict[str, Tensor]], epoch: int, learning_rate: float
) -> dict[str, float]:
    """The mean of each loss over the epoch's steps, once all is known to be finite."""
    names = list(steps[0])
    losses = average(torch.stack([torch.stack(list(step.values())) for step in steps]), train_state.place).cpu()
    for step, name in losses.isfinite().logical_not().nonzero().tolist():
        value = f"{losses[step, name].item()}"
        raise _divergence(train_state, f"the {names[name]} loss", value, epoch, step + 1, learning_rate)
    if not all(bool(weight.isfinite().all()) for weight in train_state.network.parameters()):
        raise _divergence(train_state, "a weight", "not finite", epoch, len(steps), learning_rate)
    return dict(zip(names, losses.double().mean(0).tolist(), strict=True))


def _divergence(
    train_state: TrainState, what: str, value: str, epoch: int, step: int, learning_rate: float
) -> FloatingPointError:
    return FloatingPointError(
        f"{what} of {train_state.name} is {value} at epoch {epoch}, step {step}; "
        f"try a smaller {train_state.name}.learning_rate than {learning_rate}"
    )


def patience_is_over(log: list[Epoch], patience: int) -> bool:
    """Whether the last `patience` evaluations all failed to improve on the best before them."""
    values = [epoch.validation[SELECTION_METRIC] for epoch in log if epoch.validation]
    return len(values) > patience and max(values[-patience:]) <= max(values[:-patience])


def derived_seed(seed: int, name: str, epoch: int, step: int = 0) -> int:
    """A seed for one step of one epoch of one stage, in 0..2^63 - 1, unrelated to its neighbours."""
    digest = hashlib.sha256(f"{seed}/{name}/{epoch}/{step}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
