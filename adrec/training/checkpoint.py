"""A trained network on disk: safetensors for the tensors, JSON for the rest; nothing is ever unpickled."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from adrec.config import Model, parse
from adrec.files import new_folder
from adrec.recommenders.base import EmbeddingNetwork
from adrec.recommenders.registry import network_class

WEIGHTS_FILE = "model.safetensors"
MOMENTS_FILE = "optimizer.safetensors"
ABOUT_FILE = "checkpoint.json"


@dataclass(frozen=True)
class Checkpoint:
    """What one stage hands to the next.

    Attributes:
        weights: by parameter name.
        moments: Adam's state by parameter name; empty in a model folder, which keeps none.
        about: stage, network, configuration, seed, epochs and the hashes of the data.
    """

    weights: dict[str, Tensor]
    moments: dict[str, dict[str, Tensor]]
    about: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Write into `folder`, which appears whole or not at all."""
        with new_folder(folder) as unfinished:
            save_file(on_cpu(self.weights), unfinished / WEIGHTS_FILE)
            save_file(on_cpu(flat(self.moments)), unfinished / MOMENTS_FILE)
            (unfinished / ABOUT_FILE).write_text(json.dumps(self.about, indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote.

        Raises:
            ValueError: `folder` holds no checkpoint, or one that is damaged.
        """
        for name in (ABOUT_FILE, WEIGHTS_FILE):
            if not (folder / name).is_file():
                raise ValueError(f"{folder} holds no checkpoint: {name} is missing")
        about = json.loads((folder / ABOUT_FILE).read_text())
        moments = read_tensors(folder / MOMENTS_FILE)[0] if (folder / MOMENTS_FILE).exists() else {}
        return cls(read_tensors(folder / WEIGHTS_FILE)[0], nested(moments), about)

    def network(self) -> EmbeddingNetwork:
        """The network with these weights, on the CPU and in evaluation mode."""
        config = parse(Model, self.about["config"]["model"])
        network: EmbeddingNetwork = network_class(self.about["network"])(config, self.about["num_items"])
        network.load_state_dict(self.weights)
        return network.eval()


def read_tensors(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a safetensors file by name, and its metadata.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        with safe_open(file, framework="pt") as content:
            tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118 (no mapping)
            return tensors, content.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{file} is damaged: {error}") from None


def flat(moments: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
    """Adam's state with one name, `parameter/key`, for each tensor, as a file holds it."""
    return {f"{name}/{key}": value for name, state in moments.items() for key, value in state.items()}


def nested(tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """What `flat` made flat."""
    moments: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        parameter, key = name.rsplit("/", 1)
        moments.setdefault(parameter, {})[key] = value
    return moments


def on_cpu(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors as safetensors takes them."""
    return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
