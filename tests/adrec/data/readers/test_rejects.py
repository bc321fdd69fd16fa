"""Malformed lines are kept aside, as much of each as tells what is wrong."""

from pathlib import Path

import polars as pl

from adrec.data.readers.rejects import Rejects


def test_of_a_long_line_the_beginning_is_kept(tmp_path: Path) -> None:
    with Rejects(tmp_path / "rejects.csv", 2, "file.csv") as rejects:
        rejects.add([(3, "no good", "0123456789" * 1000), (4, "nor this", "short")])
    assert pl.read_csv(tmp_path / "rejects.csv").rows() == [
        ("file.csv", 3, "no good", "0123456789" * 50),
        ("file.csv", 4, "nor this", "short"),
    ]
