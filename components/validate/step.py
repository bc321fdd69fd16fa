"""Hold the interactions against every expectation, show the outcome on a page, stop what is not fit.

A failure ends the step, unless `ADREC_REFUSE_LATER` is set: Kubeflow keeps what a step wrote only where it ends well.
There the refusal is written down, and `version` ends the run with it.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from adrec import config
from adrec.data.interactions import scan
from adrec.files import new_folder
from components.expectations import declared, runner
from components.html import page
from components.validate import plots
from components.validate.previous import previous
from components.validate.statistics import TableStatistics, change, measure, repeated

REPORT, SUMMARY, REJECTED = "report.html", "validation.json", "rejected.parquet"
LATER = "ADREC_REFUSE_LATER"
PIECE = 500_000  # rows in memory at a time


def run(*, interactions: Path, validate: config.Validate, version: config.Version, validation: Path) -> None:
    """Write the folder `validation`: the page, its numbers as JSON, and the rows that broke an expectation.

    The interactions are compared with the version before, if the registry of `version` has one.

    Raises:
        ValueError: a critical expectation failed; the folder is written before, and says so.
    """
    table, now = scan(interactions), datetime.now(UTC)
    declared.check_names(validate)
    found = measure(table)
    with new_folder(validation) as folder, previous(interactions, version) as before:
        base = measure(scan(before.path)) if before else None
        groups = {}
        with _kept(table, folder / REJECTED) as keep:
            of_rows = declared.of_rows(validate, table.collect_schema().names(), now)
            groups["Each interaction"] = runner.evaluate(_pieces(table, found.rows), of_rows, keep)
        groups["The table as a whole"] = _of_facts(found.facts(), declared.of_whole(validate))
        if before and base:
            changed = _of_facts(change(found, base), declared.of_change(validate))
            groups[f"Beside the version before, {before.tag}"] = changed
        outcomes = [outcome for group in groups.values() for outcome in group]
        summary = summarise(found, outcomes, now, before.tag if before else None)
        (folder / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n")
        pictures = plots.pictures(found, base)
        html = page.render("validate/page.html", pictures=pictures, groups=groups, before=base, **summary)
        (folder / REPORT).write_text(html, encoding="utf-8")
    if summary["refusal"] and not os.environ.get(LATER):
        places = f"the report is {validation / REPORT}, the rows are in {validation / REJECTED}"
        raise ValueError(f"{summary['refusal']}; {places}")


def _pieces(table: pl.LazyFrame, rows: int) -> Iterator[pl.DataFrame]:
    """The table in pieces of `PIECE` rows, with the column `declared.REPEATED`."""
    twice = repeated(table)
    for start in range(0, max(rows, 1), PIECE):
        flags = twice[start : start + PIECE].alias(declared.REPEATED)
        yield table.slice(start, PIECE).collect().with_columns(flags)


def _of_facts(facts: dict[str, float], expectations: Sequence[Any]) -> list[runner.Outcome]:
    """The outcomes of what is expected of the table as a whole."""
    return runner.evaluate([pl.DataFrame([facts])], expectations)


@contextmanager
def _kept(table: pl.LazyFrame, path: Path) -> Iterator[runner.Keep]:
    """What writes rows to a Parquet file, once for each expectation that they break, with its name."""
    numbered = table.head(0).with_row_index(runner.ROW).with_columns(expectation=pl.lit("")).collect()
    schema = numbered.to_arrow().schema
    with pq.ParquetWriter(path, schema, compression="zstd") as file:

        def keep(rows: pl.DataFrame, name: str) -> None:
            file.write_table(rows.with_columns(expectation=pl.lit(name)).to_arrow().cast(schema))

        yield keep


def summarise(
    found: TableStatistics, outcomes: Sequence[runner.Outcome], now: datetime, previous_tag: str | None
) -> dict[str, Any]:
    """The numbers of the page, as plain JSON values."""
    return {
        "passed": not any(outcome.stops for outcome in outcomes),
        "refusal": runner.refusal(outcomes, "interactions are not fit for training"),
        "checked_at": f"{now:%Y-%m-%d %H:%M:%S} UTC",
        "rows": found.rows,
        "users": found.users,
        "items": found.items.height,
        "first": str(found.first),
        "last": str(found.last),
        "days": found.days,
        "previous": previous_tag,
        "evaluated": len(outcomes),
        "expectations": [outcome.summary() for outcome in outcomes],
    }
