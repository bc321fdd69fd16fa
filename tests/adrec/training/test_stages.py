"""The three stages: hand-over, freezing, early stopping, and what training achieves."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from adrec import config
from adrec.data import demo
from adrec.data.build import build_histories
from adrec.data.catalogue import Catalogue
from adrec.data.dataset import Dataset
from adrec.data.histories import Histories
from adrec.evaluation.metrics import ndcg
from adrec.evaluation.ranking import network_scorer, rank_targets
from adrec.recommenders.oracle import oracle_scorer
from adrec.recommenders.popularity import count, popularity_scorer
from adrec.training import stages
from adrec.training.trainer import TrainState
from components import finetune, pretrain, warmup


@pytest.fixture(scope="module")
def dataset(tiny_dataset: Path) -> Dataset:
    return Dataset.read(tiny_dataset)


def run(stage: stages.Stage, train_state: TrainState, dataset: Dataset, model: config.Model) -> TrainState:
    for _ in stages.train(stage, train_state, dataset, model):
        pass
    return train_state


def start(name: str, tiny: dict, dataset: Dataset, **changes: object) -> tuple[stages.Stage, TrainState]:
    options = replace(tiny[name], **changes)
    stage = {"pretrain": stages.pretrain_stage, "warmup": stages.warmup_stage, "finetune": stages.finetune_stage}[name]
    return stage(options), stages.begin(stage(options), tiny["model"], len(dataset.catalogue), {})


def test_three_steps_give_the_weights_of_one_uninterrupted_run_bit_for_bit(
    tiny: dict, tiny_dataset: Path, dataset: Dataset, tmp_path: Path
) -> None:
    model, num_items = tiny["model"], len(dataset.catalogue)
    first = run(*start("pretrain", tiny, dataset), dataset, model)
    warming = stages.warmup_stage(tiny["warmup"])
    second = run(
        warming, stages.begin(warming, model, num_items, stages.embeddings_of(first.weights())), dataset, model
    )
    tuning = stages.finetune_stage(tiny["finetune"])
    third = run(
        tuning, stages.begin(tuning, model, num_items, second.weights(), stages.moments(second)), dataset, model
    )

    from adrec.training.checkpoint import Checkpoint

    paths = {name: tmp_path / name for name in ("pretrained", "warmed", "finetuned")}
    common = {"dataset": tiny_dataset, "model": model}
    pretrain.run(**common, pretrain=tiny["pretrain"], pretrained=paths["pretrained"])
    warmup.run(**common, pretrained=paths["pretrained"], warmup=tiny["warmup"], warmed=paths["warmed"])
    finetune.run(**common, warmed=paths["warmed"], finetune=tiny["finetune"], finetuned=paths["finetuned"])
    for name, value in Checkpoint.read(paths["finetuned"]).weights.items():
        assert torch.equal(value, third.weights()[name]), name


def test_an_exact_freeze_leaves_the_item_embeddings_untouched(tiny: dict, dataset: Dataset) -> None:
    stage, train_state = start("warmup", tiny, dataset, epochs=2)
    before = train_state.network.item_embedding.weight.detach().clone()
    run(stage, train_state, dataset, tiny["model"])
    assert torch.equal(before, train_state.network.item_embedding.weight)
    assert stages.ITEM_EMBEDDING not in stages.moments(train_state)
    assert train_state.network.item_embedding.weight.grad is None  # not even computed


def test_a_decaying_freeze_moves_every_weight_towards_zero_by_the_learning_rate(tiny: dict, dataset: Dataset) -> None:
    """The released code's flaw, kept as an option for reproduction."""
    stage, train_state = start("warmup", tiny, dataset, epochs=1, batch_size=10_000, freeze="decay")  # one step
    before = train_state.network.item_embedding.weight.detach().clone()
    run(stage, train_state, dataset, tiny["model"])
    moved = before - train_state.network.item_embedding.weight.detach()
    large = before.abs() > 0.1
    torch.testing.assert_close(moved[large], 1e-3 * before[large].sign(), rtol=0.02, atol=0)


def test_warm_up_validates_nothing_and_keeps_the_weights_of_its_last_epoch(tiny: dict, dataset: Dataset) -> None:
    stage, train_state = start("warmup", tiny, dataset, epochs=2)
    epochs = stages.train(stage, train_state, dataset, tiny["model"])
    next(epochs)
    first = {name: value.clone() for name, value in train_state.weights().items()}
    list(epochs)
    assert [epoch.validation for epoch in train_state.log] == [None, None]
    last = train_state.weights()
    assert all(torch.equal(value, last[name]) for name, value in train_state.network.state_dict().items())
    assert not torch.equal(first["norm.weight"], last["norm.weight"])


def test_finetune_goes_on_with_the_optimiser_of_warmup(tiny: dict, dataset: Dataset) -> None:
    warmed = run(*start("warmup", tiny, dataset), dataset, tiny["model"])
    expected, tuning = stages.moments(warmed), stages.finetune_stage(tiny["finetune"])
    train_state = stages.begin(tuning, tiny["model"], len(dataset.catalogue), warmed.weights(), expected)
    found = stages.moments(train_state)
    assert found.keys() == expected.keys() == dict(warmed.network.named_parameters()).keys() - {stages.ITEM_EMBEDDING}
    for name, state in expected.items():
        assert found[name].keys() == state.keys() == {"step", "exp_avg", "exp_avg_sq"}
        assert all(torch.equal(found[name][key], value) for key, value in state.items()), name


def test_validation_ranks_the_history_too(tiny: dict) -> None:
    """All items are worth the same, so the first is the first; left out, it would come after the six others."""
    histories = Histories(("a", "b"), np.ones(8, np.int32), np.zeros(8, np.int64), np.arange(3) * 4)
    repeats = Dataset(Catalogue(tuple("tuvwxyz")), histories, {})
    _, train_state = start("pretrain", tiny, repeats)
    torch.nn.init.zeros_(train_state.network.item_embedding.weight)
    assert stages.validate(train_state, repeats, tiny["model"])["HR@5"] == 1


def test_every_so_many_epochs_and_the_last_one_are_evaluated(tiny: dict, dataset: Dataset) -> None:
    stage, train_state = start("pretrain", tiny, dataset, epochs=5, evaluate_every=2)
    run(stage, train_state, dataset, tiny["model"])
    assert [epoch.number for epoch in train_state.log if epoch.validation] == [2, 4, 5]


def test_a_stage_ends_when_its_patience_is_over(tiny: dict, dataset: Dataset) -> None:
    """At this learning rate no evaluation is better than the first."""
    stage, train_state = start("pretrain", tiny, dataset, epochs=10, patience=2, learning_rate=1e-12)
    run(stage, train_state, dataset, tiny["model"])
    assert len(train_state.log) == 1 + 2
    assert train_state.best_epoch == 1


def test_stages_2_and_3_start_from_the_embeddings_of_stage_1(tiny: dict, dataset: Dataset) -> None:
    _, first = start("pretrain", tiny, dataset)
    weights = stages.embeddings_of(first.weights())
    second = stages.begin(stages.warmup_stage(tiny["warmup"]), tiny["model"], len(dataset.catalogue), weights)
    assert torch.equal(second.network.item_embedding.weight, first.network.item_embedding.weight)


def test_a_loss_that_is_not_finite_stops_with_stage_epoch_and_step(tiny: dict, dataset: Dataset) -> None:
    stage, train_state = start("pretrain", tiny, dataset)
    torch.nn.init.constant_(train_state.network.item_embedding.weight, float("nan"))
    with pytest.raises(FloatingPointError, match=r"the ce loss of pretrain is nan at epoch 1, step 1; try a smaller"):
        run(stage, train_state, dataset, tiny["model"])


def test_weights_that_the_last_step_of_an_epoch_spoils_are_not_believed(tiny: dict, dataset: Dataset) -> None:
    stage, train_state = start("warmup", tiny, dataset, epochs=1, batch_size=10_000)  # one step, so no later loss tells
    spoil = replace(stage, before_step=lambda network: network.norm.weight.grad.fill_(float("inf")))
    with pytest.raises(FloatingPointError, match=r"a weight of warmup is not finite at epoch 1, step 1"):
        run(spoil, train_state, dataset, tiny["model"])


def test_scores_that_are_no_numbers_are_not_ranked(tiny: dict, dataset: Dataset) -> None:
    stage, train_state = start(
        "pretrain", tiny, dataset, epochs=1, batch_size=10_000, learning_rate=1e30
    )  # huge, yet finite
    with pytest.raises(FloatingPointError, match="a score is not finite: training diverged"):
        run(stage, train_state, dataset, tiny["model"])


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_asking_for_cuda_without_a_gpu_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="no CUDA device"):
        stages.choose_device("cuda")


@pytest.mark.parametrize(
    ("precision", "supported", "warned"), [("bfloat16", False, 1), ("bfloat16", True, 0), ("float32", False, 0)]
)
def test_bfloat16_without_instructions_for_it_is_warned_of(
    tiny: dict, monkeypatch: pytest.MonkeyPatch, precision: str, supported: bool, warned: int
) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: supported)
    model = replace(tiny["model"], precision=precision, device="cpu")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stages.begin(stages.pretrain_stage(tiny["pretrain"]), model, 5, {})
    assert sum("model.precision = 'bfloat16'" in str(warning.message) for warning in caught) == warned


def test_training_goes_from_popularity_most_of_the_way_to_the_oracle(tiny: dict) -> None:
    """A small demo world, all three stages; measured by the mean NDCG@20 on the test targets."""
    num_items, seed = 60, 3
    rows = demo.interactions(400, num_items, seed)
    catalogue, histories = build_histories(rows, 5)
    data = Dataset(catalogue, histories, {})
    model = replace(tiny["model"], dimension=32, heads=2, max_length=30, dropout=0.0, embedding_dropout=0.1)
    options = {"epochs": 8, "evaluate_every": 4, "batch_size": 32, "learning_rate": 0.005}
    weights, moments = {}, {}
    for stage in (
        stages.pretrain_stage(replace(tiny["pretrain"], **options)),
        stages.warmup_stage(replace(tiny["warmup"], epochs=2, batch_size=32, learning_rate=0.005)),
        stages.finetune_stage(replace(tiny["finetune"], **options)),
    ):
        train_state = run(stage, stages.begin(stage, model, len(catalogue), weights, moments), data, model)
        weights, moments = train_state.weights(), stages.moments(train_state)
        if stage.name == "pretrain":
            weights, moments = stages.embeddings_of(weights), {}
    train_state.network.load_state_dict(train_state.weights())
    scorers = {
        "popularity": popularity_scorer(count(data.training, len(catalogue))),
        "adrec": network_scorer(train_state.network.eval(), model.max_length, train_state.device),
        "oracle": oracle_scorer(demo.World.create(num_items, seed), catalogue),
    }
    value = {name: ndcg(_ranks(scorer, data), 20).mean() for name, scorer in scorers.items()}
    assert value["adrec"] > value["popularity"] + 0.6 * (value["oracle"] - value["popularity"]), value
    assert value["adrec"] < value["oracle"] + 0.03, value


def _ranks(scorer: object, data: Dataset) -> np.ndarray:
    return rank_targets(scorer, *data.examples("test"), exclude_history=False)
