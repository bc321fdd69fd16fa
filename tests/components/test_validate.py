"""What is not believable stops here, by name, with its rows kept and shown on one page."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from adrec import config, interactions
from components import validate
from components.expectations import declare

FUTURE = datetime(2999, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def good(data_steps: Path) -> pl.DataFrame:
    return interactions.read(data_steps / "interactions.parquet").with_columns(rating=pl.lit(4.0))


@pytest.fixture
def check(tiny: dict[str, config.Section], tmp_path: Path) -> Callable[[pl.DataFrame], dict]:
    """Validate rows; gives the summary."""

    def validated(rows: pl.DataFrame) -> dict:
        rows.write_parquet(tmp_path / "rows.parquet")
        section, folder = tiny["validate"], tmp_path / "validation"
        validate.run(interactions=tmp_path / "rows.parquet", validate=section, validation=folder)
        return json.loads((folder / "validation.json").read_text())

    return validated


def spoil(rows: pl.DataFrame, column: str, value: object) -> pl.DataFrame:
    """The rows with one value replaced, in the third row."""
    bad = pl.when(pl.int_range(pl.len()) == 2).then(pl.lit(value, dtype=rows.schema[column]))
    return rows.with_columns(bad.otherwise(pl.col(column)).alias(column))


def test_good_interactions_pass_every_expectation(good: pl.DataFrame, check: Callable, tmp_path: Path) -> None:
    summary = check(good)
    assert summary["passed"]
    assert all(outcome["passed"] for outcome in summary["expectations"])
    assert (summary["rows"], summary["users"]) == (good.height, good["user_id"].n_unique())
    assert pl.read_parquet(tmp_path / "validation" / "rejected.parquet").is_empty()


@pytest.mark.parametrize("columns", [["user_id", "item_id", "timestamp"], ["user_id"]])
def test_as_many_expectations_are_evaluated_as_are_declared(good: pl.DataFrame, tiny: dict, columns: list[str]) -> None:
    declared = declare(tiny["validate"], columns, datetime.now(UTC))
    assert len(validate.evaluate(good.select(columns), declared)) == len(declared)
    assert len({expectation.meta["name"] for expectation in declared}) == len(declared)


@pytest.mark.parametrize(
    ("column", "value", "name", "shown"),
    [
        ("user_id", "x" * 10_000, "user_id is of sensible length", "of 10,000 characters"),
        ("user_id", "", "user_id is of sensible length", "user_id ''"),
        ("item_id", None, "item_id is never missing", "item_id missing"),
        ("timestamp", None, "timestamp is never missing", "timestamp missing"),
        ("timestamp", FUTURE, "timestamp is not in the future", "timestamp 2999-01-01"),
        ("timestamp", datetime(1970, 1, 1, tzinfo=UTC), "timestamp is not too old", "timestamp 1970-01-01"),
        ("rating", 11.0, "rating is within its scale", "rating 11.0"),
    ],
)
def test_a_bad_row_stops_the_run_and_is_kept_with_its_reason(
    good: pl.DataFrame, check: Callable, tmp_path: Path, column: str, value: object, name: str, shown: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(f"expected that {name}")) as error:
        check(spoil(good, column, value))
    sentence = str(error.value)
    assert f"1 of {good.height:,} rows break it, for example row 3 (" in sentence
    assert shown in sentence
    assert len(sentence) < 700
    folder = tmp_path / "validation"
    assert str(folder / "report.html") in sentence
    rejected = pl.read_parquet(folder / "rejected.parquet")
    assert rejected.select("row", column, "expectation").rows() == [(3, value, name)]
    assert name in (folder / "report.html").read_text()


def test_repeated_interactions_are_found_with_all_their_copies(
    good: pl.DataFrame, check: Callable, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="no interaction stands twice"):
        check(pl.concat([good, good.head(1)]))
    rejected = pl.read_parquet(tmp_path / "validation" / "rejected.parquet")
    assert rejected["row"].to_list() == [1, good.height + 1]


def test_an_empty_table_fails_by_its_number_of_rows(good: pl.DataFrame, check: Callable) -> None:
    with pytest.raises(ValueError, match=re.escape("there are enough rows (at least 1,000), but 0")):
        check(good.head(0))


def test_too_few_users_and_items_are_not_enough(good: pl.DataFrame, check: Callable) -> None:
    few = good.with_columns(user_id=pl.lit("one")).unique("timestamp")
    with pytest.raises(ValueError, match=re.escape("there are enough users (at least 50), but 1")):
        check(few)


def test_a_missing_column_is_the_first_thing_said(good: pl.DataFrame, check: Callable) -> None:
    with pytest.raises(ValueError, match=re.escape("the columns are there (user_id, item_id, timestamp)")):
        check(good.drop("item_id"))


def test_a_column_of_another_type_is_named(good: pl.DataFrame, check: Callable) -> None:
    with pytest.raises(ValueError, match="timestamp has its type"):
        check(good.with_columns(pl.col("timestamp").dt.epoch("s")))


def test_a_warning_is_shown_and_stops_nothing(good: pl.DataFrame, check: Callable, tmp_path: Path) -> None:
    summary = check(spoil(spoil(good, "rating", None), "item_id", " item"))
    failed = [outcome["name"] for outcome in summary["expectations"] if not outcome["passed"]]
    assert failed == ["item_id has no white space around it", "rating is never missing"]
    assert summary["passed"]
    assert "with warnings" in (tmp_path / "validation" / "report.html").read_text()


def test_the_page_needs_nothing_but_itself_and_takes_no_markup_from_the_data(
    good: pl.DataFrame, check: Callable, tmp_path: Path
) -> None:
    check(spoil(good, "item_id", " <script>alert(1)</script>"))
    page = (tmp_path / "validation" / "report.html").read_text()
    assert "http" not in page
    assert not re.search(r"<(link|script|img|iframe)", page)
    assert page.count("<svg") == 3


def test_a_failed_attempt_to_write_leaves_nothing(tiny: dict, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there are no interactions at"):
        validate.run(interactions=tmp_path / "nothing", validate=tiny["validate"], validation=tmp_path / "validation")
    assert list(tmp_path.iterdir()) == []
