"""The paper's sequences, read from the files that its authors trained on."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.harness import datasets

HEADER = "user_id,item_id,position,split"
ROWS = ["0,2,0,train", "0,1,1,train", "0,4,2,val", "0,3,3,test", "1,1,0,train", "1,3,1,val", "1,2,2,test"]


def written(folder: Path, rows: list[str]) -> Path:
    file = folder / "interactions.csv.gz"
    file.write_bytes(gzip.compress("\n".join([HEADER, *rows, ""]).encode()))
    return file


def test_item_n_has_number_n_and_the_split_is_that_of_the_file(tmp_path: Path) -> None:
    data = datasets.read(written(tmp_path, ROWS))
    assert data.catalogue.numbers(["1", "2", "3", "4"]).tolist() == [1, 2, 3, 4]
    assert [history.tolist() for history in data.training] == [[2, 1], [1]]
    assert data.examples("validation")[1].tolist() == [4, 3]
    assert data.examples("test")[1].tolist() == [3, 2]


@given(order=st.permutations(range(1, 13)), cuts=st.sets(st.sampled_from([3, 6, 9])))
def test_what_was_written_is_read(order: list[int], cuts: set[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    histories = [part.tolist() for part in np.split(np.array(order), sorted(cuts))]
    rows = [
        f"{user},{item},{place},{'test' if left == 1 else 'val' if left == 2 else 'train'}"
        for user, history in enumerate(histories)
        for place, item in enumerate(history)
        for left in [len(history) - place]
    ]
    data = datasets.read(written(tmp_path_factory.mktemp("written"), rows))
    assert [history.tolist() for history in data.histories] == histories


def test_the_order_of_rows_does_not_matter_but_what_they_say_does(tmp_path: Path) -> None:
    original = datasets.read(written(tmp_path, ROWS)).about
    assert datasets.read(written(tmp_path, ROWS[::-1])).about == original
    swapped = ["0,1,0,train", "0,2,1,train", *ROWS[2:]]
    assert datasets.read(written(tmp_path, swapped)).about != original


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([*ROWS[:3], "0,6,3,test", *ROWS[4:]], "item_id must count from 1"),
        ([row.replace("1,", "2,", 1) if row.startswith("1,") else row for row in ROWS], "user_id must count from 0"),
        ([*ROWS[:3], "0,3,3,train", *ROWS[4:]], "user 0 must have positions"),
        ([*ROWS[:5], "1,4,1,train", "1,2,2,test"], "user 1 must have positions"),
        ([*ROWS[:3], "0,3,7,test", *ROWS[4:]], "user 0 must have positions"),
    ],
)
def test_files_that_are_not_as_described_are_refused(tmp_path: Path, rows: list[str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        datasets.read(written(tmp_path, rows))


def test_a_missing_folder_is_told_of_by_the_variable_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ADREC_DATA_DIR", raising=False)
    with pytest.raises(ValueError, match="ADREC_DATA_DIR is not set"):
        datasets.load("baby")
    monkeypatch.setenv("ADREC_DATA_DIR", str(tmp_path))
    with pytest.raises(ValueError, match=r"baby/interactions\.csv\.gz does not exist"):
        datasets.load("baby")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "users", "items", "interactions", "longest", "absent"),
    [
        ("ml-100k", 938, 1008, 54413, 365, 0),
        ("beauty", 10553, 6086, 94148, 140, 25),
        ("baby", 11761, 4731, 92823, 87, 27),
    ],
)
def test_the_papers_datasets_are_of_the_known_size(
    name: str, users: int, items: int, interactions: int, longest: int, absent: int
) -> None:
    if "ADREC_DATA_DIR" not in os.environ:
        pytest.skip("ADREC_DATA_DIR names no folder with the real datasets")
    data = datasets.load(name)
    lengths = data.histories.lengths
    assert (len(data.histories), len(data.catalogue), len(data.histories.items)) == (users, items, interactions)
    assert (lengths.min(), lengths.max()) == (5, longest)
    assert items - len(np.unique(data.training.items)) == absent
    assert all(len(np.unique(history)) == len(history) for history in data.histories)
