"""Ingest writes the interactions of any source, the same ones as the same bytes, or nothing."""

import re
from dataclasses import replace
from pathlib import Path
from typing import get_args, get_type_hints

import polars as pl
import pytest

from adrec import config
from adrec.data import interactions, readers
from components import ingest


def section(**changes: object) -> config.Ingest:
    defaults = {"source": "demo", "format": "demo", "columns": {}, "sha256": "", "max_rejects": 0}
    return config.parse(config.Ingest, {**defaults, "demo_users": 60, "demo_items": 50, "demo_seed": 7, **changes})


def fetch(ingest_section: config.Ingest, interactions: Path) -> Path:
    """Run the step; gives the path of the rejects."""
    rejects = interactions.with_name("rejects.csv")
    ingest.run(ingest=ingest_section, interactions=interactions, rejects=rejects)
    return rejects


def test_the_demo_world_is_written_with_its_laws(tmp_path: Path) -> None:
    path = tmp_path / "interactions.parquet"
    fetch(section(), path)
    rows = interactions.read(path)
    assert rows["user_id"].n_unique() == 60
    assert dict(rows.schema).items() <= interactions.SCHEMA.items()
    assert interactions.about(path) == {"demo": {"items": 50, "seed": 7}}


def test_a_file_is_written_in_its_order_without_a_demo_world(tmp_path: Path) -> None:
    (tmp_path / "u.data").write_text("9\t8\t5\t20\n7\t6\t5\t10\n9\t6\t4\t10\n")
    path = tmp_path / "interactions.parquet"
    fetch(section(source=str(tmp_path / "u.data"), format="movielens"), path)
    assert interactions.read(path)["user_id"].to_list() == ["9", "7", "9"]
    assert interactions.about(path) == {}


@pytest.mark.parametrize("file_format", ["demo", "csv"])
def test_the_same_source_makes_the_same_bytes(tmp_path: Path, file_format: str) -> None:
    source = tmp_path / "source.csv"
    source.write_text("user_id,item_id,timestamp\n" + "".join(f"u{n % 7},i{n},{n}\n" for n in range(5000)))
    options = {"source": "demo" if file_format == "demo" else str(source), "format": file_format}
    for name in ("one", "two"):
        fetch(section(**options), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_source_without_its_format_is_not_taken_for_the_demo(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape("ingest.source = 'u.data' needs a format: one of movielens")):
        fetch(section(source="u.data"), tmp_path / "never-written")


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
        fetch(section(source=str(source), format="csv"), path)
    assert {found.name for found in path.parent.iterdir()} == {path.name, "rejects.csv"}
    assert path.read_text() == "before"


def test_a_parquet_of_ours_can_be_ingested_again(tmp_path: Path) -> None:
    first, again = tmp_path / "first.parquet", tmp_path / "again.parquet"
    fetch(section(), first)
    fetch(replace(section(), source=str(first), format="parquet"), again)
    assert pl.read_parquet(again).equals(pl.read_parquet(first))


def test_malformed_lines_are_set_aside_with_their_numbers_and_reasons(tmp_path: Path) -> None:
    source, path = tmp_path / "u.data", tmp_path / "interactions.parquet"
    source.write_bytes(b"1\t2\t5\t20\n1\t3\t5\n\xff\t4\t5\t40\n1\t5\tgood\t50\n1\t6\t5\t60\n")
    rejects = fetch(section(source=str(source), format="movielens", max_rejects=3), path)
    assert interactions.read(path)["item_id"].to_list() == ["2", "6"]
    assert pl.read_csv(rejects).rows() == [
        (str(source), 3, "not UTF-8 text (invalid start byte)", "\\xff\t4\t5\t40"),
        (str(source), 2, "the number of columns is 3 instead of 4", "1\t3\t5"),
        (str(source), 4, "rating = 'good' is not a finite number", "1, 5, good, 50"),
    ]


def test_one_malformed_line_too_many_ends_the_step_in_a_sentence_and_leaves_the_lines(tmp_path: Path) -> None:
    source, path = tmp_path / "u.data", tmp_path / "out" / "interactions.parquet"
    source.write_text("1\t2\t5\t20\n" + "1\t2\t5\n" * 9)
    sentence = (
        f"{source}: line 5: the number of columns is 3 instead of 4; 4 lines are malformed, and ingest.max_rejects = 3:"
        f" see {path.with_name('rejects.csv')}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        fetch(section(source=str(source), format="movielens", max_rejects=3), path)
    assert not path.exists()
    assert pl.read_csv(path.with_name("rejects.csv"))["line"].to_list() == [2, 3, 4, 5]


def test_every_format_of_the_parameters_is_one_that_can_be_read() -> None:
    assert set(get_args(get_type_hints(config.Ingest)["format"])) == {"demo", *readers.FORMATS}
