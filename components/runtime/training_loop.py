"""What the three training steps share: run a stage to its end, say how far it is, and write its checkpoint.

After each epoch the stage's progress is saved under `ADREC_PROGRESS_DIR` (`artifacts/progress`), where the same stage,
started again after a kill, finds it. Where `ADREC_REQUIRE_CUDA` is set, as on a pod that was given an accelerator, a
stage does not fall back on the CPU.
"""

import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from adrec import config
from adrec.data.dataset import Dataset
from adrec.training import stages
from adrec.training.checkpoint import Checkpoint
from adrec.training.distributed import wait
from adrec.training.resume import Progress
from adrec.training.trainer import SELECTION_METRIC, Epoch, TrainState
from components.runtime.code_revision import ROOT, content_hash, files

REQUIRED = "ADREC_REQUIRE_CUDA"


def train(
    stage: stages.Stage,
    dataset: Path,
    model: config.Model,
    output: Path,
    *,
    before: Checkpoint | None = None,
    weights: dict[str, Tensor],
    moments: dict[str, dict[str, Tensor]],
) -> None:
    """Train `stage` on the dataset folder and write the checkpoint `output`.

    Args:
        stage: the stage.
        dataset: the prepared folder.
        model: the architecture.
        output: the checkpoint's folder.
        before: the checkpoint of the stage before; its configuration and log travel on.
        weights: parameters to start from.
        moments: Adam's state to continue from.

    Raises:
        ValueError: the checkpoint of the stage before is of other data, or there is no accelerator where one must be.
        FloatingPointError: training diverges; the progress up to the epoch before is left.
    """
    _require_cuda(model)
    data = Dataset.read(dataset)
    if before is not None:
        _require_same_data(before, data)
    train_state = stages.begin(stage, model, len(data.catalogue), weights, moments)
    progress = Progress.under(progress_folder(), stage, train_state, data, model, _training_code())
    restore_progress(progress, train_state, stage.options.epochs)
    wait(train_state.place)  # none may be done, and forget the progress, before all have read it
    done, epochs = len(train_state.log), stage.options.epochs
    if not train_state.place.first:  # of several processes that come to the same, the first one writes and speaks
        for _ in stages.train(stage, train_state, data, model):
            pass
        return
    with tqdm(total=epochs, initial=done, desc=stage.name, unit="epoch", disable=None) as bar:
        for epoch in stages.train(stage, train_state, data, model):
            progress.save(train_state)
            bar.update()
            bar.set_postfix(_figures(epoch))
            if not sys.stderr.isatty():
                print(progress_line(stage.name, epoch, epochs), flush=True)
    Checkpoint(
        train_state.weights(), stages.moments(train_state), _about(stage, train_state, model, data, before)
    ).write(output)
    progress.forget()


def progress_folder() -> Path:
    """Where the progress of all stages is kept: a place that a step started again can see."""
    return Path(os.environ.get("ADREC_PROGRESS_DIR", "artifacts/progress"))


def restore_progress(progress: Progress, train_state: TrainState, epochs: int) -> None:
    """Bring `train_state` to where it was when it was interrupted, if it was, and say so."""
    try:
        progress.restore(train_state)
    except ValueError as error:
        print(f"{train_state.name}: {error}; starting from the beginning", flush=True)
    if train_state.log:
        print(f"{train_state.name}: continuing after epoch {len(train_state.log)} of {epochs}", flush=True)


def progress_line(name: str, epoch: Epoch, epochs: int) -> str:
    """One epoch in one line, which the local run's progress bar reads."""
    figures = " ".join(f"{key} {value:.4f}" for key, value in _figures(epoch).items())
    return f"{name}: epoch {epoch.number}/{epochs} {figures}"


def _require_cuda(model: config.Model) -> None:
    if os.environ.get(REQUIRED) and model.device != "cpu" and not torch.cuda.is_available():
        raise ValueError(
            f"{REQUIRED} is set, since this machine was given an accelerator, but torch {torch.__version__} finds no "
            "CUDA device: look at the node's driver and the image's torch, or train without by model.device = 'cpu'"
        )


def _training_code() -> str:
    return content_hash(ROOT, files(ROOT / "adrec"))


def _figures(epoch: Epoch) -> dict[str, float]:
    validation = {SELECTION_METRIC: epoch.validation[SELECTION_METRIC]} if epoch.validation else {}
    return {**epoch.losses, **validation}


def _require_same_data(before: Checkpoint, data: Dataset) -> None:
    if before.about["data_hash"] != data.about["data_hash"]:
        raise ValueError(
            f"the checkpoint of {before.about['stage']} was trained on data {before.about['data_hash'][:12]}, but the "
            f"dataset is {data.about['data_hash'][:12]}; run {before.about['stage']} again"
        )


def _about(
    stage: stages.Stage, train_state: TrainState, model: config.Model, data: Dataset, before: Checkpoint | None
) -> dict[str, Any]:
    """The checkpoint's description; the log and the configuration of earlier stages are part of it."""
    earlier = before.about if before is not None else {"config": {}, "log": {}}
    return {
        "stage": stage.name,
        "network": stage.network,
        "config": {**earlier["config"], "model": model.as_dict(), stage.name: stage.options.as_dict()},
        "log": {**earlier["log"], stage.name: [epoch.as_dict() for epoch in train_state.log]},
        "seed": model.seed,
        "best_epoch": train_state.best_epoch,
        "num_items": len(data.catalogue),
        **{key: data.about[key] for key in ("data_hash", "data_tag", "catalogue_hash")},
    }
