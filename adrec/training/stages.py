"""The three stages of ADRec as data, and the state that each starts training from.

1. `pretrain`: SASRec learns the item embeddings.
2. `warmup`: ADRec's backbone learns while those embeddings are frozen.
3. `finetune`: everything learns, with the optimiser that warm-up left.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from adrec import config
from adrec.data.dataset import Dataset
from adrec.evaluation.metrics import means
from adrec.evaluation.ranking import network_scorer, rank_targets
from adrec.recommenders.base import EmbeddingNetwork
from adrec.recommenders.registry import network_class
from adrec.training import distributed
from adrec.training.compile import compile_blocks, eager, multiple
from adrec.training.distributed import Place, join
from adrec.training.gradients import COMBINATIONS, Combine, total
from adrec.training.trainer import Epoch, TrainState, derived_seed, fit, patience_is_over

ITEM_EMBEDDING = "item_embedding.weight"
VALIDATION_CUTOFFS = (5, 10, 20)
Change = Callable[[EmbeddingNetwork], None]
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Stage:
    """How a stage trains.

    Attributes:
        name: its section in `params.yaml`.
        network: its network's name in `adrec.recommenders.registry`.
        options: its section.
        combine: how the gradients of its losses become one.
        early_stopping: how often to validate and when to stop; None to train all epochs and keep the last.
        at_start: what is done to the network before it trains.
        before_step: what happens to the gradients before each step.
    """

    name: str
    network: str
    options: config.Training | config.Warmup
    combine: Combine
    early_stopping: config.Training | None
    at_start: Change
    before_step: Change


def pretrain_stage(options: config.Training) -> Stage:
    """Stage 1."""
    return Stage("pretrain", "sasrec", options, total, options, _leave, _leave)


def warmup_stage(options: config.Warmup) -> Stage:
    """Stage 2."""
    freeze = {"exact": (freeze_embedding, _leave), "decay": (_leave, decay_embedding)}[options.freeze]
    return Stage("warmup", "adrec", options, COMBINATIONS[options.gradients], None, *freeze)


def finetune_stage(options: config.Finetune) -> Stage:
    """Stage 3."""
    return Stage("finetune", "adrec", options, COMBINATIONS[options.gradients], options, _leave, _leave)


def freeze_embedding(network: EmbeddingNetwork) -> None:
    """Keep the item embeddings as they are, and spend nothing on their gradient."""
    network.item_embedding.weight.requires_grad_(False)


def decay_embedding(network: EmbeddingNetwork) -> None:
    """What the released code does instead of freezing.

    With a gradient of zero Adam still applies the weight decay and, normalising it, moves every weight towards zero by
    about the learning rate at each step.
    """
    network.item_embedding.weight.grad = torch.zeros_like(network.item_embedding.weight)


def _leave(network: EmbeddingNetwork) -> None:
    """Train everything."""


def begin(
    stage: Stage,
    model: config.Model,
    num_items: int,
    weights: dict[str, Tensor],
    optimizer_state: dict[str, dict[str, Tensor]] | None = None,
) -> TrainState:
    """The training state at the start of `stage`.

    Args:
        stage: the stage.
        model: the architecture.
        num_items: V.
        weights: parameters to start from, by name; the others are drawn from the stage's seed.
        optimizer_state: Adam's moments by parameter name, to continue from.

    Raises:
        ValueError: the device or a compiler is not there, or several processes or compiled blocks cannot do the stage.
    """
    device = choose_device(model.device)
    place = join(device)
    _check_combination(stage, model, place)
    _warn_of_slow_precision(model, device)
    torch.manual_seed(derived_seed(model.seed, stage.name, 0))
    network = network_class(stage.network)(model, num_items)
    unknown = network.load_state_dict(weights, strict=False).unexpected_keys
    assert not unknown, f"weights that {stage.network} does not have: {unknown}"
    network.to(device)
    stage.at_start(network)
    optimizer = torch.optim.Adam(
        network.parameters(), lr=stage.options.learning_rate, weight_decay=stage.options.weight_decay, fused=True
    )
    load_moments(network, optimizer, optimizer_state or {})
    if model.compile:
        compile_blocks(network)
    precision, rows = PRECISIONS[model.precision], multiple(stage.options.batch_size) if model.compile else 1
    return TrainState(stage.name, network, optimizer, model.seed, device, precision, place, rows)


def _warn_of_slow_precision(model: config.Model, device: torch.device) -> None:
    """Warn where bfloat16 is emulated: oneDNN, which computes torch's products on a processor, needs AVX-512 for it."""
    if model.precision == "bfloat16" and device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        warnings.warn(
            "model.precision = 'bfloat16', but this processor has no instructions for it, so that training is many "
            "times slower than with 'float32'; use 'float32', or a GPU",
            RuntimeWarning,
            stacklevel=3,
        )


def _check_combination(stage: Stage, model: config.Model, place: Place) -> None:
    """Refuse what wants one backward pass together with more of them."""
    if stage.combine is total:
        return
    need = f"only with {stage.name}.gradients = 'sum'"
    if place.processes > 1:
        raise ValueError(f"{place.processes} processes can share {stage.name} {need}")
    if model.compile:
        raise ValueError(f"model.compile = true goes {need}: what is compiled runs backward once")


def train(stage: Stage, train_state: TrainState, dataset: Dataset, model: config.Model) -> Iterator[Epoch]:
    """Run `stage`, yielding each epoch after it is recorded, until its epochs or its patience are over.

    A state that has epochs in its log continues after them.

    Raises:
        FloatingPointError: training diverges.
    """
    epochs = fit(
        train_state,
        dataset.training,
        epochs=stage.options.epochs,
        batch_size=stage.options.batch_size,
        max_length=model.max_length,
        learning_rate=stage.options.learning_rate,
        combine=stage.combine,
        before_step=stage.before_step,
    )
    rule = stage.early_stopping
    if rule and patience_is_over(train_state.log, rule.patience):
        return  # it ended before; only what came after it was cut off
    for epoch in epochs:
        if rule and (epoch.number % rule.evaluate_every == 0 or epoch.number == rule.epochs):
            epoch = replace(epoch, validation=validate(train_state, dataset, model))
        train_state.record(epoch)
        yield epoch
        if rule and patience_is_over(train_state.log, rule.patience):
            return


def validate(train_state: TrainState, dataset: Dataset, model: config.Model) -> dict[str, float]:
    """Metrics on the validation targets by the paper's protocol: the whole catalogue, history included.

    Of several processes each ranks its share of the targets; all get the same metrics, so none stops alone.
    """
    train_state.network.eval()
    histories, targets = dataset.examples("validation")
    scorer = network_scorer(train_state.network, model.max_length, train_state.device)
    ranks = torch.zeros(len(targets), dtype=torch.int64, device=train_state.device)
    own = np.arange(train_state.place.process, len(targets), train_state.place.processes)
    with eager(model.compile):
        found = rank_targets(scorer, histories.only(own), targets[own], exclude_history=False)
    ranks[own] = torch.from_numpy(found).to(train_state.device)
    return means(distributed.total(ranks, train_state.place).cpu().numpy(), VALIDATION_CUTOFFS)


def embeddings_of(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """What warm-up takes over from pre-training: the item embeddings alone."""
    return {ITEM_EMBEDDING: weights[ITEM_EMBEDDING]}


def moments(train_state: TrainState) -> dict[str, dict[str, Tensor]]:
    """Adam's state by parameter name; parameters that never had a gradient have none."""
    state = train_state.optimizer.state
    return {name: dict(state[p]) for name, p in train_state.network.named_parameters() if p in state}


def load_moments(network: EmbeddingNetwork, optimizer: torch.optim.Adam, state: dict[str, dict[str, Tensor]]) -> None:
    """Put `moments` back into a fresh optimiser over the parameters of `network`."""
    parameters = dict(network.named_parameters())
    for name, values in state.items():
        device = parameters[name].device
        optimizer.state[parameters[name]] = {key: value.clone().to(device) for key, value in values.items()}


def choose_device(name: str) -> torch.device:
    """The device of `model.device`.

    Raises:
        ValueError: CUDA is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ValueError("model.device = 'cuda', but this machine shows no CUDA device; use 'auto' or 'cpu'")
    return torch.device("cuda" if available and name != "cpu" else "cpu")
