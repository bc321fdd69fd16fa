"""What is kept of a stage from one epoch to the next, so that a stage that was killed goes on where it was.

Random numbers and the learning rate follow from the epoch (`adrec.training.trainer`). So weights, Adam's moments, the
best weights and the log are all that there is to keep. They stand in one file, which after each epoch is replaced as a
whole, in a folder that is named after all that the stage's outcome follows from.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import uuid4

import torch
from safetensors.torch import save_file
from torch import Tensor

from adrec import config
from adrec.data.dataset import Dataset
from adrec.training.checkpoint import flat, nested, on_cpu, read_tensors
from adrec.training.stages import Stage, load_moments, moments
from adrec.training.trainer import Epoch, TrainState

PROGRESS_FILE = "progress.safetensors"


@dataclass(frozen=True)
class Progress:
    """Where one stage's progress is kept.

    Attributes:
        folder: its own; nothing else is in it.
        key: of all that the stage's outcome follows from.
    """

    folder: Path
    key: str

    @classmethod
    def under(
        cls, root: Path, stage: Stage, train_state: TrainState, dataset: Dataset, model: config.Model, code: str
    ) -> Self:
        """The progress, below `root`, of `train_state` at the start of `stage`; `code` is a hash of the sources."""
        outcome = {
            "options": stage.options.as_dict(),
            "model": model.as_dict(),
            "device": str(train_state.device),
            "torch": torch.__version__,
            "code": code,
            "split": dataset.split.as_dict(),
        }
        histories = dataset.histories
        data = {"items": torch.from_numpy(histories.items), "offsets": torch.from_numpy(histories.offsets)}
        key = fingerprint({**_tensors(train_state), **data}, json.dumps([stage.name, outcome]))
        return cls(root / f"{stage.name}-{key[:16]}", key)

    def save(self, train_state: TrainState) -> None:
        """Put `train_state` in the place of what was saved before; a kill at any moment leaves the one or the other."""
        tensors = on_cpu(_tensors(train_state))
        log = [epoch.as_dict() for epoch in train_state.log]
        about = json.dumps({"key": self.key, "log": log, "best_epoch": train_state.best_epoch})
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.folder / f".{uuid4().hex}.part"  # no other run of the same stage may write to it
        save_file(tensors, unfinished, {"about": about, "fingerprint": fingerprint(tensors, about)})
        unfinished.replace(self.folder / PROGRESS_FILE)

    def restore(self, train_state: TrainState) -> None:
        """Bring `train_state` from the start of the stage to where `save` saw it, if it did.

        Raises:
            ValueError: what is there is damaged or another stage's; `train_state` is as it was.
        """
        file = self.folder / PROGRESS_FILE
        if not file.exists():
            return
        about, tensors = _read(file)
        if about["key"] != self.key:
            raise ValueError(f"{file} is the progress of something else")
        train_state.network.load_state_dict(_within("weights/", tensors))
        load_moments(train_state.network, train_state.optimizer, nested(_within("moments/", tensors)))
        best = {name: value.to(train_state.device) for name, value in _within("best/", tensors).items()}
        train_state.best_weights, train_state.best_epoch = best or None, about["best_epoch"]
        train_state.log = [Epoch(**epoch) for epoch in about["log"]]

    def forget(self) -> None:
        """The stage has ended and its checkpoint is written."""
        shutil.rmtree(self.folder, ignore_errors=True)  # another run of the same stage may have done it


def fingerprint(tensors: dict[str, Tensor], about: str) -> str:
    """SHA-256 in hexadecimal over `about` and each tensor's name, type, shape and bytes, whatever their order."""
    digest = hashlib.sha256(about.encode())
    for name, tensor in sorted(on_cpu(tensors).items()):
        digest.update(f"\0{name} {tensor.dtype} {list(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _tensors(train_state: TrainState) -> dict[str, Tensor]:
    """All tensors that `train_state` remembers."""
    kinds = {
        "weights": train_state.network.state_dict(),
        "moments": flat(moments(train_state)),
        "best": train_state.best_weights or {},
    }
    return {f"{kind}/{name}": value for kind, tensors in kinds.items() for name, value in tensors.items()}


def _within(kind: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(kind): value for name, value in tensors.items() if name.startswith(kind)}


def _read(file: Path) -> tuple[dict, dict[str, Tensor]]:
    """Description and tensors of a file as `save` wrote it, to the bit."""
    tensors, metadata = read_tensors(file)
    about = metadata.get("about", "")
    if metadata.get("fingerprint") != fingerprint(tensors, about):
        raise ValueError(f"{file} is damaged: its fingerprint is not that of its content")
    return json.loads(about), tensors
