"""The three datasets on which this project is held against the paper, in the files that its authors trained on.

They lie below the folder that the environment variable `ADREC_DATA_DIR` names; none ships with the project. Each is a
CSV file of `user_id,item_id,position,split`: users count from 0, items from 1, a user's positions from 0.
"""

import hashlib
import os
from pathlib import Path

import numpy as np
import polars as pl

from adrec.data.catalogue import Catalogue
from adrec.data.dataset import Dataset
from adrec.data.histories import Histories

FILES = {
    "ml-100k": "ml-100k/paper_sequences.csv.gz",
    "beauty": "beauty/interactions.csv.gz",
    "baby": "baby/interactions.csv.gz",
}
COLUMNS = {"user_id": pl.Int64, "item_id": pl.Int64, "position": pl.Int64, "split": pl.String}


def load(name: str) -> Dataset:
    """The dataset called `name`.

    Raises:
        ValueError: there is no such dataset, `ADREC_DATA_DIR` is not set, or the file is not as described above.
    """
    if name not in FILES:
        raise ValueError(f"dataset {name!r} is unknown; there are {', '.join(FILES)}")
    if "ADREC_DATA_DIR" not in os.environ:
        raise ValueError(f"ADREC_DATA_DIR is not set; set it to the folder that holds {FILES[name]}")
    return read(Path(os.environ["ADREC_DATA_DIR"]) / FILES[name])


def read(file: Path) -> Dataset:
    """The histories of one file; item n is number n, and the position takes the place of the timestamp.

    Raises:
        ValueError: the file is missing, numbers have gaps, or the split is not leave-one-out.
    """
    if not file.is_file():
        raise ValueError(f"{file} does not exist; see benchmarks/harness/datasets.py for what it must hold")
    rows = pl.read_csv(file, columns=list(COLUMNS), schema_overrides=COLUMNS).sort("user_id", "position")
    items, lengths = rows["item_id"].to_numpy(), np.bincount(rows["user_id"].to_numpy())
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    _require_dense(file, "item_id", items, first=1)
    _require_dense(file, "user_id", rows["user_id"].to_numpy(), first=0)
    _require_leave_one_out(file, rows, lengths)
    catalogue = Catalogue(tuple(str(number) for number in range(1, items.max() + 1)))
    users = tuple(str(number) for number in range(len(lengths)))
    histories = Histories(users, items.astype(np.int32), rows["position"].to_numpy(), offsets)
    return Dataset(catalogue, histories, {"data_hash": data_hash(histories)})


def data_hash(histories: Histories) -> str:
    """SHA-256 over who took what in which order."""
    return hashlib.sha256(histories.items.tobytes() + histories.offsets.tobytes()).hexdigest()


def _require_dense(file: Path, column: str, numbers: np.ndarray, first: int) -> None:
    """Every number from `first` to the largest occurs."""
    found = np.unique(numbers)
    if not np.array_equal(found, np.arange(first, first + len(found))):
        raise ValueError(f"{file}: {column} must count from {first} without gaps, not from {found[0]} to {found[-1]}")


def _require_leave_one_out(file: Path, rows: pl.DataFrame, lengths: np.ndarray) -> None:
    """Positions count from 0; a user's last is the test's, the one before it validation's, the rest training's."""
    from_end = np.concatenate([np.arange(length)[::-1] for length in lengths])
    expected = np.array(["test", "val", "train"])[np.minimum(from_end, 2)]
    positions = np.concatenate([np.arange(length) for length in lengths])
    wrong = (rows["split"].to_numpy() != expected) | (rows["position"].to_numpy() != positions)
    if wrong.any():
        user = rows["user_id"][int(np.flatnonzero(wrong)[0])]
        raise ValueError(
            f"{file}: user {user} must have positions 0, 1, 2, … of which the last is split 'test', the one before "
            "it 'val' and the others 'train'"
        )
