"""One run of the paper's protocol (its Table 2): train a recipe on a dataset with a seed, measure it on the test items.

Leave-one-out for every user, the whole catalogue ranked, history not excluded. What the paper leaves open is as in its
released code, with one exception: of the epochs evaluated, the one with the best validation NDCG@20 is tested.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from adrec import config
from adrec.data.dataset import Dataset
from adrec.recommenders.base import EmbeddingNetwork
from adrec.recommenders.registry import network_class
from adrec.training import stages
from adrec.training.checkpoint import Checkpoint
from adrec.training.trainer import Epoch
from benchmarks.harness import measurement
from benchmarks.harness.runs import digest

PRECISION = "bfloat16"  # of the products; the ablations tell what float32 gives
OPTIMISATION: dict[str, Any] = {"batch_size": 512, "learning_rate": 1e-3, "weight_decay": 1e-5}
STOPPING: dict[str, Any] = {"epochs": 200, "evaluate_every": 5, "patience": 4}
CACHE = Path("artifacts/protocol")

# Options of the model that came after the first results, at the values that say what those were made with.
SINCE: dict[str, Any] = {"estimate": "direct", "reverse_steps": 0, "initial_std": 0.1, "compile": False}

Watch = Callable[[str, Epoch], None]  # told of each epoch and its stage


@dataclass(frozen=True)
class Recipe:
    """What is trained and tested.

    Attributes:
        name: of the recipe's results.
        first: the architecture of stage 1; recipes that agree on it share their first stage.
        model: that of the later stages. The seeds of both are replaced by that of the run.
        pretrain: stage 1; None to begin with random item embeddings.
        warmup: stage 2, or None to go without.
        finetune: stage 3; None to test the network of stage 1.
    """

    name: str
    first: config.Model
    model: config.Model
    pretrain: config.Training | None
    warmup: config.Warmup | None
    finetune: config.Finetune | None

    @property
    def network(self) -> str:
        """The name in `adrec.recommenders.registry` of the network that is tested."""
        return "adrec" if self.finetune else "sasrec"

    def configuration(self) -> dict[str, Any]:
        """All that the outcome follows from, as plain values, but for data and seed."""
        stages = {"pretrain": self.pretrain, "warmup": self.warmup, "finetune": self.finetune}
        return {
            **({"first": architecture(self.first)} if self.pretrain else {}),
            **({"model": architecture(self.model)} if self.finetune else {}),
            **{name: options.as_dict() for name, options in stages.items() if options},
        }

    def varied(self, name: str, **model: Any) -> "Recipe":
        """The same first stage and, after it, the changes of the architecture given."""
        return replace(self, name=name, model=replace(self.model, **model))


def architecture(model: config.Model) -> dict[str, Any]:
    """What a network's outcome follows from, as plain values, but for the seed."""
    return {
        key: value
        for key, value in model.as_dict().items()
        if key not in ("seed", "device") and (key, value) not in SINCE.items()
    }


@dataclass(frozen=True)
class Trained:
    """A stage at its end.

    Attributes:
        weights: those tested or handed on, by name.
        moments: Adam's, by parameter name.
        record: what is told of the stage: epochs run, the best of them, its validation metrics, CPU seconds.
    """

    weights: dict[str, Tensor]
    moments: dict[str, dict[str, Tensor]]
    record: dict[str, Any]


def adrec(name: str, params: Mapping[str, Any], **model: Any) -> Recipe:
    """All three stages with the protocol's options, on the architecture of `params.yaml` with the changes given."""
    changed = replace(params["model"], **{"precision": PRECISION, **model})
    return Recipe(
        name=name,
        first=changed,
        model=changed,
        pretrain=config.Training(**OPTIMISATION, **STOPPING),
        warmup=replace(params["warmup"], **OPTIMISATION),
        finetune=replace(params["finetune"], **OPTIMISATION, **STOPPING),
    )


def stage_one(name: str, params: Mapping[str, Any], **model: Any) -> Recipe:
    """The first stage alone, tested as a recommender."""
    return replace(adrec(name, params, **model), warmup=None, finetune=None)


def sasrec_plus(name: str, params: Mapping[str, Any], **model: Any) -> Recipe:
    """SASRec with learned positions, trained by the cross-entropy over all items."""
    return stage_one(name, params, positions="learned", **model)


def released(name: str, params: Mapping[str, Any]) -> Recipe:
    """All three stages as the authors seem to have trained what they published.

    The stage-1 weights that they ship are of SASRec+. Their later stages see the padding, and their freeze decays.
    """
    later = frozen(adrec(name, params, attention="sink"), "decay")
    return replace(later, first=sasrec_plus(name, params).first)


def frozen(recipe: Recipe, freeze: Literal["exact", "decay"]) -> Recipe:
    """The recipe with another way to freeze the item embeddings during warm-up."""
    return replace(recipe, warmup=recipe.warmup and replace(recipe.warmup, freeze=freeze))


def shortened(recipe: Recipe, epochs: int) -> Recipe:
    """The recipe with at most `epochs` epochs a stage, the last of them evaluated, under a name of its own."""
    return replace(
        recipe,
        name=f"{recipe.name}-{epochs}-epochs",
        pretrain=recipe.pretrain and replace(recipe.pretrain, epochs=epochs),
        warmup=recipe.warmup and replace(recipe.warmup, epochs=min(epochs, recipe.warmup.epochs)),
        finetune=recipe.finetune and replace(recipe.finetune, epochs=epochs),
    )


def run(recipe: Recipe, data: Dataset, seed: int, watch: Watch, cache: Path = CACHE) -> dict[str, Any]:
    """Train and test; returns the figures as plain values.

    Raises:
        FloatingPointError: training diverges, or a score is not finite.
    """
    model, trained = train(recipe, data, seed, watch, cache)
    weights = list(trained.values())[-1].weights
    network = built(recipe.network, model, len(data.catalogue), weights)
    figures = measurement.measure(network, data, model, stages.choose_device(model.device))
    return {**figures, "stages": {name: stage.record for name, stage in trained.items()}}


def train(
    recipe: Recipe, data: Dataset, seed: int, watch: Watch, cache: Path = CACHE
) -> tuple[config.Model, dict[str, Trained]]:
    """The configuration of the network that is tested, and the stages by name, the last of which has its weights.

    Raises:
        FloatingPointError: training diverges.
    """
    model, trained, start = warmed_up(recipe, data, seed, watch, cache)
    if recipe.finetune:
        trained["finetune"] = learn(stages.finetune_stage(recipe.finetune), data, model, *start, watch)
    return model, trained


def warmed_up(
    recipe: Recipe, data: Dataset, seed: int, watch: Watch, cache: Path = CACHE
) -> tuple[config.Model, dict[str, Trained], tuple[dict[str, Tensor], dict[str, dict[str, Tensor]]]]:
    """As `train` up to stage 3, and the weights and moments that it begins with."""
    first, model = replace(recipe.first, seed=seed), replace(recipe.model, seed=seed)
    trained: dict[str, Trained] = {}
    if recipe.pretrain:
        trained["pretrain"] = first_stage(recipe.pretrain, data, first, watch, cache)
    if not recipe.finetune:
        return first, trained, ({}, {})
    weights = stages.embeddings_of(trained["pretrain"].weights) if trained else {}
    if not recipe.warmup:
        return model, trained, (weights, {})
    trained["warmup"] = learn(stages.warmup_stage(recipe.warmup), data, model, weights, {}, watch)
    return model, trained, (trained["warmup"].weights, trained["warmup"].moments)


def kept(
    recipe: Recipe, data: Dataset, seed: int, watch: Watch, cache: Path = CACHE
) -> tuple[EmbeddingNetwork, config.Model, dict[str, Any]]:
    """The network that is tested, its configuration, and the record of each stage; its weights are kept below `cache`.

    Raises:
        FloatingPointError: training diverges.
    """
    alike = {"data": data.about["data_hash"], "seed": seed, **recipe.configuration()}
    folder = cache / f"{recipe.name}-{digest(alike)[:16]}"
    if not folder.exists():
        _, trained = train(recipe, data, seed, watch, cache)
        records = {name: stage.record for name, stage in trained.items()}
        Checkpoint(list(trained.values())[-1].weights, {}, {"stages": records, **alike}).write(folder)
    found = Checkpoint.read(folder)
    model = replace(recipe.model if recipe.finetune else recipe.first, seed=seed)
    return built(recipe.network, model, len(data.catalogue), found.weights), model, found.about["stages"]


def first_stage(
    options: config.Training, data: Dataset, model: config.Model, watch: Watch, cache: Path = CACHE
) -> Trained:
    """Stage 1, trained once for all recipes that share it: its checkpoint is kept below `cache`."""
    alike = {"data": data.about["data_hash"], "model": architecture(model), "pretrain": options.as_dict()}
    key = digest({"seed": model.seed, **alike})
    folder = cache / f"pretrain-{key[:16]}"
    if not folder.exists():
        done = learn(stages.pretrain_stage(options), data, model, {}, {}, watch)
        Checkpoint(done.weights, {}, {"seed": model.seed, "record": done.record, **alike}).write(folder)
    kept = Checkpoint.read(folder)
    return Trained(kept.weights, {}, kept.about["record"])


def learn(
    stage: stages.Stage,
    data: Dataset,
    model: config.Model,
    weights: dict[str, Tensor],
    moments: dict[str, dict[str, Tensor]],
    watch: Watch,
) -> Trained:
    """Train `stage` from its beginning to its end."""
    start = time.process_time()
    train_state = stages.begin(stage, model, len(data.catalogue), weights, moments)
    for epoch in stages.train(stage, train_state, data, model):
        watch(stage.name, epoch)
    best = train_state.best_epoch or len(train_state.log)
    record = {
        "epochs": len(train_state.log),
        "best_epoch": best,
        "validation": train_state.log[best - 1].validation,
        "losses": train_state.log[best - 1].losses,
        "cpu_seconds": round(time.process_time() - start, 3),
    }
    return Trained(train_state.weights(), stages.moments(train_state), record)


def built(name: str, model: config.Model, num_items: int, weights: dict[str, Tensor]) -> EmbeddingNetwork:
    """The network with these weights, in evaluation mode on the device of `model`."""
    network = network_class(name)(model, num_items)
    network.load_state_dict(weights)
    return network.to(stages.choose_device(model.device)).eval()
