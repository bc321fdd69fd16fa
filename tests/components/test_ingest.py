"""Ingest writes the interactions of any source, the same ones as the same bytes, or nothing."""

import re
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from adrec import config, interactions
from components import ingest


def section(**changes: object) -> config.Ingest:
    defaults = {"source": "demo", "format": "demo", "columns": {}, "sha256": ""}
    return config.parse(config.Ingest, {**defaults, "demo_users": 60, "demo_items": 50, "demo_seed": 7, **changes})


def test_the_demo_world_is_written_with_its_laws(tmp_path: Path) -> None:
    path = tmp_path / "interactions.parquet"
    ingest.run(ingest=section(), interactions=path)
    rows = interactions.read(path)
    assert rows["user_id"].n_unique() == 60
    assert dict(rows.schema).items() <= interactions.SCHEMA.items()
    assert interactions.about(path) == {"demo": {"items": 50, "seed": 7}}


def test_a_file_is_written_in_its_order_without_a_demo_world(tmp_path: Path) -> None:
    (tmp_path / "u.data").write_text("9\t8\t5\t20\n7\t6\t5\t10\n9\t6\t4\t10\n")
    path = tmp_path / "interactions.parquet"
    ingest.run(ingest=section(source=str(tmp_path / "u.data"), format="movielens"), interactions=path)
    assert interactions.read(path)["user_id"].to_list() == ["9", "7", "9"]
    assert interactions.about(path) == {}


@pytest.mark.parametrize("file_format", ["demo", "csv"])
def test_the_same_source_makes_the_same_bytes(tmp_path: Path, file_format: str) -> None:
    source = tmp_path / "source.csv"
    source.write_text("user_id,item_id,timestamp\n" + "".join(f"u{n % 7},i{n},{n}\n" for n in range(5000)))
    options = {"source": "demo" if file_format == "demo" else str(source), "format": file_format}
    for name in ("one", "two"):
        ingest.run(ingest=section(**options), interactions=tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_source_without_its_format_is_not_taken_for_the_demo() -> None:
    with pytest.raises(ValueError, match=re.escape("ingest.source = 'u.data' needs a format: one of movielens")):
        ingest.run(ingest=section(source="u.data"), interactions=Path("never-written"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "does not exist"),
        ("", "the file is empty"),
        ("user,item_id,timestamp\na,b,1\n", "there is no column 'user_id'"),
        ("user_id,item_id,timestamp\na,b,soon\n", "line 2: timestamp = 'soon'"),
    ],
)
def test_a_bad_source_leaves_what_was_there_and_nothing_half_written(
    tmp_path: Path, content: str | None, sentence: str
) -> None:
    source, path = tmp_path / "source.csv", tmp_path / "out" / "interactions.parquet"
    if content is not None:
        source.write_text(content)
    path.parent.mkdir()
    path.write_text("before")
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(sentence)):
        ingest.run(ingest=section(source=str(source), format="csv"), interactions=path)
    assert list(path.parent.iterdir()) == [path]
    assert path.read_text() == "before"


def test_a_parquet_of_ours_can_be_ingested_again(tmp_path: Path) -> None:
    first, again = tmp_path / "first.parquet", tmp_path / "again.parquet"
    ingest.run(ingest=section(), interactions=first)
    ingest.run(ingest=replace(section(), source=str(first), format="parquet"), interactions=again)
    assert pl.read_parquet(again).equals(pl.read_parquet(first))
