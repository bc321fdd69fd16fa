"""What is not believable stops here, by name, with its rows kept and shown on one page."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from adrec import config
from adrec.data import interactions
from components.expectations import declared, runner
from components.validate import step as validate
from components.validate.previous import previous
from components.version import step as version

FUTURE = datetime(2999, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def good(data_steps: Path) -> pl.DataFrame:
    return interactions.read(data_steps / "interactions.parquet").with_columns(rating=pl.lit(4.0))


@pytest.fixture(scope="module")
def registry(data_steps: Path) -> config.Version:
    """The registry where the tiny world is the first version."""
    return config.Version(name="interactions", registry=f"{data_steps}/registry", remote=f"{data_steps}/remote")


@pytest.fixture
def check(tiny: dict[str, Any], registry: config.Version, tmp_path: Path) -> Callable[..., dict]:
    """Validate rows, with changes to the section; gives the summary."""

    def validated(rows: pl.DataFrame, *, name: str = "no-version-yet", **changes: object) -> dict:
        rows.write_parquet(tmp_path / "rows.parquet")
        validate.run(
            interactions=tmp_path / "rows.parquet",
            validate=replace(tiny["validate"], **changes),
            version=replace(registry, name=name),
            validation=tmp_path / "validation",
        )
        return json.loads((tmp_path / "validation" / "validation.json").read_text())

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
    expectations = declared.of_rows(tiny["validate"], columns, datetime.now(UTC))
    assert len(runner.evaluate([good.select(columns)], expectations)) == len(expectations)
    assert len({expectation.meta["name"] for expectation in expectations}) == len(expectations)


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


def test_on_kubeflow_the_refusal_is_written_down_for_version(
    good: pl.DataFrame, check: Callable, tmp_path: Path, registry: config.Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that fails there loses what it wrote: the page would be gone when it is wanted most."""
    monkeypatch.setenv(validate.LATER, "1")
    summary = check(good.head(3), min_rows=4)
    assert not summary["passed"]
    assert (tmp_path / "validation" / "report.html").is_file()
    with pytest.raises(ValueError, match=re.escape("there are enough rows (at least 4), but 3")):
        version.run(
            interactions=tmp_path / "rows.parquet",
            validation=tmp_path / "validation",
            version=registry,
            versioned=tmp_path / "versioned.json",
        )


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
    assert failed == ["rating is never missing", "item_id has no white space around it"]
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


def test_a_failed_attempt_to_write_leaves_nothing(tiny: dict, registry: config.Version, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there are no interactions at"):
        validate.run(
            interactions=tmp_path / "nothing",
            validate=tiny["validate"],
            version=registry,
            validation=tmp_path / "validation",
        )
    assert list(tmp_path.iterdir()) == []


def later(rows: pl.DataFrame, days: int) -> pl.DataFrame:
    return rows.with_columns(pl.col("timestamp") + timedelta(days=days))


def test_interactions_that_go_on_as_before_are_like_the_version_before(
    good: pl.DataFrame, check: Callable[..., dict], tmp_path: Path
) -> None:
    summary = check(pl.concat([good, later(good.head(100), days=1)]), name="interactions")
    assert summary["previous"] == "interactions-v1"
    assert all(outcome["passed"] for outcome in summary["expectations"])
    assert "the version before" in (tmp_path / "validation" / "report.html").read_text()


def test_the_version_before_is_one_of_other_bytes(data_steps: Path, registry: config.Version) -> None:
    with previous(data_steps / "interactions.parquet", registry) as found:
        assert found is None
    with previous(data_steps / "rejects.csv", registry) as found:
        assert found.tag == "interactions-v1"
        assert found.path.read_bytes() == (data_steps / "interactions.parquet").read_bytes()


@pytest.mark.parametrize(
    ("changed", "name", "observed"),
    [
        (lambda rows: pl.concat([rows, *(later(rows, -400 * n) for n in (1, 2, 3))]),
         "there are about as many rows as before", "4.00 times"),
        (lambda rows: rows.with_columns(pl.col("timestamp").dt.truncate("30d") + pl.duration(
            microseconds=pl.int_range(pl.len()))), "there is about as much a day as before", "times"),
        (lambda rows: rows.with_columns(item_id=pl.format("another {}", "item_id")),
         "the items are mostly known from before", "100.0%"),
        (lambda rows: rows.filter(pl.col("item_id") < "item-00025"),
         "the items of before are mostly still there", "%"),
    ],
)  # fmt: skip
def test_a_change_from_the_version_before_is_a_warning_or_stops_as_the_parameters_say(
    good: pl.DataFrame, check: Callable[..., dict], changed: Callable, name: str, observed: str
) -> None:
    summary = check(changed(good), name="interactions", min_rows=1)
    (found,) = (outcome for outcome in summary["expectations"] if outcome["name"] == name)
    assert (found["passed"], found["severity"]) == (False, "warning")
    assert observed in found["observed"]
    assert summary["passed"]
    with pytest.raises(ValueError, match=re.escape(f"expected that {name}")):
        check(changed(good), name="interactions", min_rows=1, severity={name: "critical"})


def test_a_critical_expectation_may_be_made_a_warning(good: pl.DataFrame, check: Callable[..., dict]) -> None:
    summary = check(spoil(good, "rating", 11.0), severity={"rating is within its scale": "warning"})
    assert summary["passed"]
    assert sum(not outcome["passed"] for outcome in summary["expectations"]) == 1


def test_a_severity_of_an_unknown_expectation_is_refused(good: pl.DataFrame, check: Callable[..., dict]) -> None:
    with pytest.raises(ValueError, match=r"validate\.severity names 'no such'; the expectations are the columns"):
        check(good, severity={"no such": "warning"})


def test_one_user_who_has_everything_and_one_day_are_told_of(good: pl.DataFrame, check: Callable[..., dict]) -> None:
    noon = pl.lit(datetime(2024, 1, 1, 12, tzinfo=UTC)).dt.cast_time_unit("us") + pl.duration(
        microseconds=pl.int_range(pl.len())
    )
    lonely = pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("robot")).otherwise("user_id")
    summary = check(good.with_columns(timestamp=noon, user_id=lonely))
    found = {outcome["name"]: outcome["observed"] for outcome in summary["expectations"] if not outcome["passed"]}
    assert found == {"there are enough days": "1", "no user is everybody": "50.0%"}


def test_it_makes_no_difference_in_which_pieces_the_table_is_validated(
    good: pl.DataFrame, check: Callable[..., dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = spoil(pl.concat([good, good.tail(3)]), "rating", 11.0).with_columns(
        item_id=pl.when(pl.int_range(pl.len()) % 500 == 0).then(None).otherwise("item_id")
    )
    seen = []
    for piece in (validate.PIECE, 700):
        monkeypatch.setattr(validate, "PIECE", piece)
        with pytest.raises(ValueError, match="item_id is never missing"):
            check(bad)
        summary = json.loads((tmp_path / "validation" / "validation.json").read_text())
        rejected = pl.read_parquet(tmp_path / "validation" / "rejected.parquet").sort("expectation", "row")
        seen.append((summary | {"checked_at": ""}, rejected.rows()))
    whole, pieces = (summary["expectations"] for summary, _ in seen)
    assert [outcome | {"bound": ""} for outcome in whole] == [outcome | {"bound": ""} for outcome in pieces]
    assert seen[0][1] == seen[1][1]
