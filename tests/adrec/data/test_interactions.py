"""Interactions come out of their file as they went in, and the same interactions make the same file."""

from pathlib import Path

import polars as pl
import pytest

from adrec.data import demo, interactions


@pytest.fixture
def rows() -> pl.DataFrame:
    return demo.interactions(60, 50, seed=3).with_columns(rating=pl.lit(4.5))


def test_what_is_written_is_read_with_what_is_known_about_it(rows: pl.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "new" / "interactions.parquet"
    interactions.write(rows, path, {"demo": {"items": 50, "seed": 3}})
    assert interactions.read(path).equals(rows)
    assert interactions.about(path) == {"demo": {"items": 50, "seed": 3}}


def test_equal_interactions_make_equal_bytes_however_they_lie_in_memory(rows: pl.DataFrame, tmp_path: Path) -> None:
    interactions.write(rows, tmp_path / "whole", {})
    interactions.write(pl.concat([rows.head(7), rows[7:]], rechunk=False), tmp_path / "pieces", {})
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "pieces").read_bytes()


def test_nothing_is_known_about_a_file_from_elsewhere(rows: pl.DataFrame, tmp_path: Path) -> None:
    rows.write_parquet(tmp_path / "foreign.parquet")
    assert interactions.about(tmp_path / "foreign.parquet") == {}


def test_a_missing_or_foreign_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run the ingest step first"):
        interactions.read(tmp_path / "nothing.parquet")
    (tmp_path / "text").write_text("not a table")
    with pytest.raises(ValueError, match="is no Parquet file of interactions"):
        interactions.read(tmp_path / "text")
