"""Where the figures of one run are kept: one small JSON file for each dataset, recipe and seed.

A run that is there is not run again. The file has a hash of the configuration that it came from, so that a recipe
which was changed under its old name is told from the one that ran.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adrec.files import new_file
from benchmarks.harness import record

FOLDER = record.RESULTS / "protocol"


@dataclass(frozen=True)
class Run:
    """One dataset, recipe and seed.

    Attributes:
        dataset: its name.
        recipe: its name.
        configuration: of the recipe, as plain values.
        seed: of the run.
    """

    dataset: str
    recipe: str
    configuration: dict[str, Any]
    seed: int

    def path(self, folder: Path = FOLDER) -> Path:
        """Where the figures are, below `folder`."""
        return folder / self.dataset / f"{self.recipe}-{self.seed}.json"

    def finished(self, folder: Path = FOLDER) -> dict[str, Any] | None:
        """The figures, or None where the run has not ended.

        Raises:
            ValueError: the file is of another configuration.
        """
        path = self.path(folder)
        if not path.is_file():
            return None
        found: dict[str, Any] = json.loads(path.read_text())
        if found["configuration_hash"] != self.configuration_hash:
            changed = ", ".join(differing(found["configuration"], self.configuration))
            raise ValueError(
                f"{path} is of another configuration of {self.recipe} ({changed}); remove it to run the recipe again, "
                "or give the changed recipe another name"
            )
        return found

    def write(self, figures: dict[str, Any], folder: Path = FOLDER) -> None:
        """Keep `figures`, with the configuration, the date and the machine beside them."""
        path = self.path(folder)
        about = {
            "dataset": self.dataset,
            "recipe": self.recipe,
            "seed": self.seed,
            **record.surroundings(),
            "configuration_hash": self.configuration_hash,
            "configuration": self.configuration,
        }
        with new_file(path) as unfinished:
            unfinished.write_text(json.dumps({**about, **figures}, indent=2) + "\n")

    @property
    def configuration_hash(self) -> str:
        """Equal hashes mean equal configurations."""
        return digest(self.configuration)


def digest(values: dict[str, Any]) -> str:
    """SHA-256 in hexadecimal over plain values, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def differing(theirs: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """The options, as `section.key`, that are not the same in both."""
    flat = [
        {(section, key): value for section, options in all_of.items() for key, value in options.items()}
        for all_of in (theirs, ours)
    ]
    keys = sorted(flat[0].keys() | flat[1].keys())
    return [".".join(key) for key in keys if flat[0].get(key) != flat[1].get(key)]
