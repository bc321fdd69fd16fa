"""One run of the paper's protocol, on a tiny world."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from adrec import config
from adrec.data.dataset import Dataset
from adrec.training.trainer import Epoch
from benchmarks.harness import protocol
from benchmarks.harness.datasets import data_hash
from benchmarks.harness.protocol import Recipe, Trained

MODEL = {"dimension": 16, "heads": 2, "max_length": 12, "device": "cpu", "diffusion_steps": 10}


@pytest.fixture(scope="module")
def data(tiny_dataset: Path) -> Dataset:
    read = Dataset.read(tiny_dataset)
    return replace(read, about={"data_hash": data_hash(read.histories)})


@pytest.fixture(scope="module")
def recipe(params: dict[str, config.Section]) -> Recipe:
    return protocol.shortened(protocol.adrec("adrec", params, **MODEL), 2)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


class Log(list[tuple[str, int]]):
    """The stages and epochs that training told of."""

    def __call__(self, stage: str, epoch: Epoch) -> None:
        """As `protocol.Watch`."""
        self.append((stage, epoch.number))


def test_the_recipe_is_the_papers(params: dict[str, config.Section]) -> None:
    recipe = protocol.adrec("adrec", params)
    assert (recipe.model.dimension, recipe.model.diffusion_steps, recipe.model.conditioning_scale) == (128, 32, 0.001)
    for options in (recipe.pretrain, recipe.warmup, recipe.finetune):
        assert (options.batch_size, options.learning_rate, options.weight_decay) == (512, 0.001, 0.00001)
    assert recipe.pretrain == config.Training(
        epochs=200, evaluate_every=5, patience=4, batch_size=512, learning_rate=0.001, weight_decay=0.00001
    )


def test_a_whole_recipe_trains_three_stages_and_tells_what_the_diffusion_does(
    recipe: Recipe, data: Dataset, cache: Path
) -> None:
    log = Log()
    figures = protocol.run(recipe, data, 2025, log, cache)
    assert log == [(stage, number) for stage in ("pretrain", "warmup", "finetune") for number in (1, 2)]
    assert {name.partition("@")[2] for name in figures["metrics"]} == {"5", "10", "20"}
    assert 0 < figures["metrics"]["NDCG@20"] < figures["metrics"]["HR@20"] <= 1
    assert list(figures["reverse_steps"]) == ["8", "1"]
    assert figures["reverse_steps"]["1"]["overlap"] > 0.9  # lambda = 0.001 leaves the reverse process little to say
    assert figures["denoising"]["mse"] > figures["denoising"]["mse_of_zero"] > 0
    stages = figures["stages"]
    assert [stages[name]["validation"] is None for name in ("pretrain", "warmup", "finetune")] == [False, True, False]
    assert all(stage["epochs"] == 2 and stage["cpu_seconds"] > 0 for stage in stages.values())


def test_what_is_equal_but_for_later_stages_shares_its_first_stage(recipe: Recipe, data: Dataset, cache: Path) -> None:
    protocol.run(recipe, data, 2025, Log(), cache)
    log = Log()
    other = recipe.varied("other", conditioning_scale=0.5)
    protocol.run(other, data, 2025, log, cache)
    assert {stage for stage, _ in log} == {"warmup", "finetune"}
    alone = Log()
    figures = protocol.run(replace(recipe, warmup=None, finetune=None), data, 2025, alone, cache)
    assert alone == []
    assert "reverse_steps" not in figures


@pytest.mark.parametrize("changes", [{"dimension": 32}, {"embedding_dropout": 0.0}])
def test_another_first_stage_is_trained_anew(
    recipe: Recipe, data: Dataset, tmp_path: Path, changes: dict[str, float]
) -> None:
    first = replace(recipe, warmup=None, finetune=None)
    protocol.run(first, data, 2025, Log(), tmp_path)
    for other, seed in (
        (replace(first, first=replace(first.first, **changes), model=replace(first.model, **changes)), 2025),
        (first, 1),
    ):
        log = Log()
        protocol.run(other, data, seed, log, tmp_path)
        assert log == [("pretrain", 1), ("pretrain", 2)]


def test_the_first_stage_from_the_cache_is_the_one_that_was_trained(
    recipe: Recipe, data: Dataset, tmp_path: Path
) -> None:
    def embeddings() -> Trained:
        return protocol.first_stage(recipe.pretrain, data, recipe.model, Log(), tmp_path)

    trained, kept = embeddings(), embeddings()
    assert trained.record == kept.record
    assert all(torch.equal(value, kept.weights[name]) for name, value in trained.weights.items())


def test_without_pretraining_or_warm_up_the_other_stages_are_left(
    recipe: Recipe, data: Dataset, tmp_path: Path
) -> None:
    log = Log()
    protocol.run(replace(recipe, pretrain=None), data, 2025, log, tmp_path)
    assert {stage for stage, _ in log} == {"warmup", "finetune"}
    log = Log()
    protocol.run(replace(recipe, warmup=None), data, 2025, log, tmp_path)
    assert {stage for stage, _ in log} == {"pretrain", "finetune"}
