"""Hold the interactions against every expectation, show the outcome on a page, stop what is not fit."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from adrec import config
from adrec.interactions import ITEM, SCHEMA, TIMESTAMP, USER, read
from adrec.output import new_folder
from components import page, portrait
from components.expectations import CRITICAL, declare

REPORT, SUMMARY, REJECTED = "report.html", "validation.json", "rejected.parquet"
EXAMPLES = 3
SHOWN = 40  # characters of a value


@dataclass(frozen=True)
class Outcome:
    """What became of one expectation.

    Attributes:
        observed: what was found, in words.
        failed_rows: indices of the rows that broke it; none where it speaks of the whole table.
    """

    name: str
    severity: str
    bound: str
    passed: bool
    observed: str
    examples: list[str]
    failed_rows: list[int]

    @property
    def stops(self) -> bool:
        """Whether the run must end here."""
        return self.severity == CRITICAL and not self.passed

    def summary(self) -> dict[str, Any]:
        """Everything but the rows, which have a file of their own."""
        return {key: value for key, value in asdict(self).items() if key != "failed_rows"}


def run(*, interactions: Path, validate: config.Validate, validation: Path) -> None:
    """Write the folder `validation`: the page, its numbers as JSON, and the rows that broke an expectation.

    Raises:
        ValueError: a critical expectation failed; the folder is written before.
    """
    rows = read(interactions)
    now = datetime.now(UTC)
    outcomes = evaluate(rows, declare(validate, rows.columns, now))
    summary = summarise(rows, outcomes, now)
    with new_folder(validation) as folder:
        (folder / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n")
        html = page.render("validation.html", pictures=portrait.pictures(rows), **summary)
        (folder / REPORT).write_text(html, encoding="utf-8")
        rejected(rows, outcomes).write_parquet(folder / REJECTED)
    stops = [outcome for outcome in outcomes if outcome.stops]
    if stops:
        raise ValueError(_sentence(stops, validation))


def evaluate(rows: pl.DataFrame, expectations: Sequence[Any]) -> list[Outcome]:
    """The outcome of every expectation, in the order of declaration."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("interactions").add_dataframe_asset("interactions")
    definition = asset.add_batch_definition_whole_dataframe("interactions")
    batch = definition.get_batch({"dataframe": rows.to_pandas()})
    suite = gx.ExpectationSuite("interactions", expectations=list(expectations))
    results = batch.validate(suite, result_format={"result_format": "COMPLETE"}).results
    found = {result.expectation_config.meta["name"]: result for result in results}
    assert len(results) == len(found) == len(expectations), "every expectation is evaluated, once"
    return [_outcome(rows, expectation, found[expectation.meta["name"]]) for expectation in expectations]


def _outcome(rows: pl.DataFrame, expectation: Any, result: Any) -> Outcome:
    found = result.result
    failed_rows = [int(row) for row in found.get("unexpected_index_list") or []]
    return Outcome(
        name=expectation.meta["name"],
        severity=expectation.severity.value,
        bound=expectation.meta["bound"],
        passed=bool(result.success),
        observed=_observed(found),
        examples=[_example(rows, row) for row in failed_rows[:EXAMPLES]],
        failed_rows=failed_rows,
    )


def _observed(found: dict[str, Any]) -> str:
    """What Great Expectations found, in words: nothing where a column is missing or of another type."""
    if "unexpected_count" in found:
        broken, rows = found["unexpected_count"], found["element_count"]
        return f"{broken:,} of {rows:,} rows break it" if broken else f"holds in all {rows:,} rows"
    value = found.get("observed_value", "cannot be evaluated")
    return ", ".join(map(str, value)) if isinstance(value, list) else page.number(value)


def _example(rows: pl.DataFrame, row: int) -> str:
    values = (f"{name} {_short(value)}" for name, value in rows.row(row, named=True).items())
    return f"row {row + 1:,} ({', '.join(values)})"


def _short(value: Any) -> str:
    if not isinstance(value, str):
        return "missing" if value is None else str(value)
    return repr(value) if len(value) <= SHOWN else f"{value[:SHOWN]!r}... of {len(value):,} characters"


def rejected(rows: pl.DataFrame, outcomes: Sequence[Outcome]) -> pl.DataFrame:
    """The rows that broke an expectation, once for each, with its name; `row` counts from 1 in the source."""
    numbered = rows.with_row_index("row", offset=1).with_columns(expectation=pl.lit("", dtype=pl.String))
    parts = [numbered[out.failed_rows].with_columns(expectation=pl.lit(out.name)) for out in outcomes]
    return pl.concat([numbered.head(0), *parts])


def summarise(rows: pl.DataFrame, outcomes: Sequence[Outcome], now: datetime) -> dict[str, Any]:
    """The numbers of the page, as plain JSON values."""
    typed = rows.schema.get(TIMESTAMP) == SCHEMA[TIMESTAMP]
    days = rows[TIMESTAMP].drop_nulls().dt.date() if typed else pl.Series([], dtype=pl.Date)
    return {
        "passed": not any(outcome.stops for outcome in outcomes),
        "checked_at": f"{now:%Y-%m-%d %H:%M:%S} UTC",
        "rows": rows.height,
        "users": _distinct(rows, USER),
        "items": _distinct(rows, ITEM),
        "first": str(days.min()),
        "last": str(days.max()),
        "days": days.n_unique(),
        "evaluated": len(outcomes),
        "expectations": [outcome.summary() for outcome in outcomes],
    }


def _distinct(rows: pl.DataFrame, column: str) -> int:
    return rows[column].drop_nulls().n_unique() if column in rows.columns else 0


def _sentence(stops: Sequence[Outcome], validation: Path) -> str:
    worst = stops[0]
    examples = f", for example {' and '.join(worst.examples)}" if worst.examples else ""
    others = f", and {len(stops) - 1} more critical expectations failed" if len(stops) > 1 else ""
    return (
        f"the interactions are not fit for training: expected that {worst.name} ({worst.bound}), but"
        f" {worst.observed}{examples}{others}; the report is {validation / REPORT}, the rows are in"
        f" {validation / REJECTED}"
    )
