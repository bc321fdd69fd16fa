"""What does `prepare` hand to the steps after it?"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from adrec.data import splits
from adrec.data.catalogue import Catalogue
from adrec.data.histories import Histories

DATASET_FILE = "dataset.json"


@dataclass(frozen=True)
class Dataset:
    """Catalogue, histories, and where they came from.

    `about["split"]` says what is held out; leave-one-out where it says nothing.
    """

    catalogue: Catalogue
    histories: Histories
    about: dict[str, Any]

    @property
    def split(self) -> splits.Split:
        """What is held out, and how."""
        return splits.parse(self.about["split"]) if "split" in self.about else splits.LeaveOneOut()

    @property
    def training(self) -> Histories:
        """What training may see; of some users it may be nothing."""
        return self.histories.first(self.split.trained(self.histories))

    def examples(self, part: splits.Part) -> tuple[Histories, np.ndarray]:
        """The histories before, and the item numbers (int32 [Q]) of, the targets of `validation` or `test`."""
        users, before = self.split.asked(self.histories, part)
        return self.histories.only(users, before), self.histories.items[self.histories.offsets[users] + before]

    def target_times(self, part: splits.Part) -> np.ndarray:
        """When the targets of `validation` or `test` happened: microseconds since 1970 UTC, int64 [Q]."""
        users, before = self.split.asked(self.histories, part)
        return self.histories.timestamps[self.histories.offsets[users] + before]

    def write(self, folder: Path) -> None:
        """Write the three files into `folder`, which must exist."""
        self.catalogue.write(folder)
        self.histories.write(folder)
        (folder / DATASET_FILE).write_text(json.dumps(self.about, indent=2, sort_keys=True) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        about = json.loads((folder / DATASET_FILE).read_text())
        return cls(Catalogue.read(folder), Histories.read(folder), about)
