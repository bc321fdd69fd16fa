"""Progress: a learner comes back as it was, or the stage starts from the beginning; never anything between."""

import shutil
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from adrec.data.dataset import Dataset
from adrec.data.splits import GlobalTime
from adrec.training import stages
from adrec.training.resume import PROGRESS_FILE, Progress
from adrec.training.trainer import Epoch, TrainState

STAGES = {"pretrain": stages.pretrain_stage, "warmup": stages.warmup_stage, "finetune": stages.finetune_stage}


@pytest.fixture(scope="module")
def dataset(tiny_dataset: Path) -> Dataset:
    return Dataset.read(tiny_dataset)


def begin(name: str, tiny: dict, dataset: Dataset, folder: Path, **changes: Any) -> tuple[Any, TrainState, Progress]:
    """A stage, a learner at its start and the progress for it."""
    stage = STAGES[name](replace(tiny[name], **changes))
    train_state = stages.begin(stage, tiny["model"], len(dataset.catalogue), {})
    return stage, train_state, Progress.under(folder, stage, train_state, dataset, tiny["model"], "code")


def remembered(train_state: TrainState) -> dict[str, torch.Tensor]:
    state = {f"{name}/{key}": x for name, values in stages.moments(train_state).items() for key, x in values.items()}
    best = {f"best/{name}": value for name, value in (train_state.best_weights or {}).items()}
    return {**train_state.network.state_dict(), **state, **best}


def assert_alike(one: TrainState, other: TrainState) -> None:
    assert one.log == other.log
    assert one.best_epoch == other.best_epoch
    first, second = remembered(one), remembered(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


@pytest.mark.parametrize("name", STAGES)
@pytest.mark.parametrize("interrupted", [1, 2, 3])
def test_a_stage_that_goes_on_ends_as_one_that_ran_through(
    name: str, interrupted: int, tiny: dict, dataset: Dataset, tmp_path: Path
) -> None:
    stage, whole, _ = begin(name, tiny, dataset, tmp_path, epochs=3)
    list(stages.train(stage, whole, dataset, tiny["model"]))
    _, halted, progress = begin(name, tiny, dataset, tmp_path, epochs=3)
    list(islice(stages.train(stage, halted, dataset, tiny["model"]), interrupted))
    progress.save(halted)
    _, resumed, found = begin(name, tiny, dataset, tmp_path, epochs=3)
    found.restore(resumed)
    assert_alike(resumed, halted)
    list(stages.train(stage, resumed, dataset, tiny["model"]))
    assert_alike(resumed, whole)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="this machine has no C++ compiler")
def test_a_stage_with_compiled_blocks_goes_on_too(tiny: dict, dataset: Dataset, tmp_path: Path) -> None:
    compiled = {**tiny, "model": replace(tiny["model"], compile=True)}
    test_a_stage_that_goes_on_ends_as_one_that_ran_through("finetune", 2, compiled, dataset, tmp_path)


def test_a_stage_whose_patience_is_over_trains_no_more(tiny: dict, dataset: Dataset) -> None:
    """It was killed after its last epoch and before its checkpoint was written."""
    stage = STAGES["finetune"](replace(tiny["finetune"], epochs=10, patience=1))
    train_state = stages.begin(stage, tiny["model"], len(dataset.catalogue), {})
    train_state.log = [Epoch(1, {}, {"NDCG@20": 0.2}), Epoch(2, {}, {"NDCG@20": 0.1})]
    assert list(stages.train(stage, train_state, dataset, tiny["model"])) == []


def test_without_progress_a_stage_starts_at_its_beginning(tiny: dict, dataset: Dataset, tmp_path: Path) -> None:
    _, train_state, progress = begin("pretrain", tiny, dataset, tmp_path)
    _, untouched, _ = begin("pretrain", tiny, dataset, tmp_path)
    progress.restore(train_state)
    assert_alike(train_state, untouched)


def test_a_kill_while_saving_leaves_what_was_saved_before(
    tiny: dict, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, train_state, progress = begin("pretrain", tiny, dataset, tmp_path)
    epochs = stages.train(stage, train_state, dataset, tiny["model"])
    next(epochs)
    progress.save(train_state)
    next(epochs)

    def killed(self: Path, target: Path) -> None:
        self.write_bytes(self.read_bytes()[:100])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            progress.save(train_state)
    _, resumed, _ = begin("pretrain", tiny, dataset, tmp_path)
    progress.restore(resumed)
    assert len(resumed.log) == 1
    progress.forget()
    assert list(tmp_path.iterdir()) == []


def test_whatever_changes_the_outcome_has_a_progress_of_its_own(
    tiny: dict, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, train_state, progress = begin("warmup", tiny, dataset, tmp_path)
    stage_3, model, shorter = begin("finetune", tiny, dataset, tmp_path)[0], tiny["model"], dataset.histories.last(9)
    slower = stages.warmup_stage(replace(tiny["warmup"], learning_rate=1e-4))
    later = replace(dataset, about={**dataset.about, "split": GlobalTime(1, 2).as_dict()})
    learners = [stages.begin(stage, replace(model, seed=1), len(dataset.catalogue), {}) for _ in range(2)]
    others = [
        Progress.under(tmp_path, stage_3, train_state, dataset, model, "code"),
        Progress.under(tmp_path, slower, train_state, dataset, model, "code"),
        Progress.under(tmp_path, stage, learners[0], dataset, model, "code"),
        Progress.under(tmp_path, stage, train_state, replace(dataset, histories=shorter), model, "code"),
        Progress.under(tmp_path, stage, train_state, later, model, "code"),
        Progress.under(tmp_path, stage, train_state, dataset, replace(model, dropout=0.2), "code"),
        Progress.under(tmp_path, stage, train_state, dataset, model, "other code"),
        Progress.under(tmp_path, stage, replace(train_state, device=torch.device("meta")), dataset, model, "code"),
    ]
    with monkeypatch.context() as patch:
        patch.setattr(torch, "__version__", "0.0.0")
        others.append(Progress.under(tmp_path, stage, train_state, dataset, model, "code"))
    assert len({progress.key, *(other.key for other in others)}) == 1 + len(others)
    assert len({progress.folder, *(other.folder for other in others)}) == 1 + len(others)
    assert Progress.under(tmp_path, stage, learners[1], dataset, model, "code") == others[2]
    assert begin("warmup", tiny, dataset, tmp_path)[2] == progress


def test_one_bit_or_byte_amiss_is_noticed_wherever_it_is(tiny: dict, dataset: Dataset, tmp_path: Path) -> None:
    stage, train_state, progress = begin("pretrain", tiny, dataset, tmp_path)
    next(stages.train(stage, train_state, dataset, tiny["model"]))
    progress.save(train_state)
    file = progress.folder / PROGRESS_FILE
    sound = file.read_bytes()
    header = 8 + int.from_bytes(sound[:8], "little")
    inside = [(len(sound) - header) * part // 7 + header for part in range(7)]
    flipped = [sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :] for at in (*inside, sound.index(b"losses"))]
    for damaged in (b"", sound[:-1], sound[: header - 5], sound + b"x", *flipped):
        file.write_bytes(damaged)
        _, resumed, _ = begin("pretrain", tiny, dataset, tmp_path)
        _, untouched, _ = begin("pretrain", tiny, dataset, tmp_path)
        with pytest.raises(ValueError, match="is damaged"):
            progress.restore(resumed)
        assert_alike(resumed, untouched)


def test_the_progress_of_something_else_is_refused(tiny: dict, dataset: Dataset, tmp_path: Path) -> None:
    stage, train_state, progress = begin("pretrain", tiny, dataset, tmp_path)
    next(stages.train(stage, train_state, dataset, tiny["model"]))
    progress.save(train_state)
    _, other, foreign = begin("pretrain", tiny, dataset, tmp_path, learning_rate=0.5)
    progress.folder.rename(foreign.folder)
    with pytest.raises(ValueError, match="is the progress of something else"):
        foreign.restore(other)
    assert other.log == []
