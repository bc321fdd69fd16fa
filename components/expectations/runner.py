"""How expectations are held against a table of any size: by Great Expectations, one piece of it after the other."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from components.expectations.declared import CRITICAL, REPEATED
from components.html import page

EXAMPLES = 3
SHOWN = 40  # characters of a value
ROW = "row"  # counts from 1 in the table

Keep = Callable[[pl.DataFrame, str], None]


@dataclass
class Outcome:
    """What became of one expectation.

    Attributes:
        observed: what was found, in words.
        examples: some of the rows that break it.
        broken: how many do, of the `rows` that were seen; both are 0 where it speaks of the whole table.
    """

    name: str
    severity: str
    bound: str
    passed: bool = True
    observed: str = "cannot be evaluated"
    examples: list[str] = field(default_factory=list)
    broken: int = 0
    rows: int = 0

    @property
    def stops(self) -> bool:
        """Whether the run must end here."""
        return self.severity == CRITICAL and not self.passed

    def summary(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    def add(self, result: Any, pattern: str, broken: pl.DataFrame) -> None:
        """Take in what Great Expectations found in one more piece, and the rows there that break the expectation."""
        found, sound = result.result, self.passed
        self.passed = sound and bool(result.success)
        self.examples += [_example(row) for row in broken.head(EXAMPLES - len(self.examples)).iter_rows(named=True)]
        if "unexpected_count" in found:
            self.broken += found["unexpected_count"]
            self.rows += found["element_count"]
            some = f"{self.broken:,} of {self.rows:,} rows break it"
            self.observed = some if self.broken else f"holds in all {self.rows:,} rows"
        elif sound and "observed_value" in found:  # in the first piece that breaks it
            self.observed = _words(found["observed_value"], pattern)


def evaluate(
    pieces: Iterable[pl.DataFrame], expectations: Sequence[Any], keep: Keep = lambda rows, name: None
) -> list[Outcome]:
    """The outcome of every expectation, in the order of declaration.

    Args:
        pieces: of the table, in order; at least one, if of no rows.
        expectations: as `expectations` declares them.
        keep: is given the rows that break one and its name; `ROW` is their number in the table.
    """
    outcomes = [Outcome(each.meta["name"], each.severity.value, each.meta["bound"]) for each in expectations]
    examine, seen = _examiner(expectations), 0
    for piece in pieces:
        numbered = piece.drop(REPEATED, strict=False).with_row_index(ROW, offset=seen + 1)
        for outcome, expectation, result in zip(outcomes, expectations, examine(piece), strict=True):
            broken = numbered[[int(row) for row in result.result.get("unexpected_index_list") or []]]
            outcome.add(result, expectation.meta["pattern"], broken)
            if not broken.is_empty():
                keep(broken, outcome.name)
        seen += piece.height
    return outcomes


def refuse(outcomes: Sequence[Outcome], table: str, consequence: str) -> None:
    """End the step if a critical expectation failed.

    Raises:
        ValueError: what `refusal` says, and what follows.
    """
    if sentence := refusal(outcomes, table):
        raise ValueError(f"{sentence}; {consequence}")


def refusal(outcomes: Sequence[Outcome], table: str) -> str:
    """Of the first critical expectation that failed, what was expected and found, and how many more; empty if none."""
    stops = [outcome for outcome in outcomes if outcome.stops]
    if not stops:
        return ""
    worst = stops[0]
    examples = f", for example {' and '.join(worst.examples)}" if worst.examples else ""
    others = f", and {len(stops) - 1} more critical expectations failed" if len(stops) > 1 else ""
    return f"the {table}: expected that {worst.name} ({worst.bound}), but {worst.observed}{examples}{others}"


def _examiner(expectations: Sequence[Any]) -> Callable[[pl.DataFrame], list[Any]]:
    """What gives the results of Great Expectations for one piece, in the order of the expectations."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("table").add_dataframe_asset("table")
    definition = asset.add_batch_definition_whole_dataframe("table")
    suite = gx.ExpectationSuite("suite", expectations=list(expectations))

    def examine(piece: pl.DataFrame) -> list[Any]:
        batch = definition.get_batch({"dataframe": piece.to_pandas()})
        results = batch.validate(suite, result_format={"result_format": "COMPLETE"}).results
        found = {result.expectation_config.meta["name"]: result for result in results}
        assert len(results) == len(found) == len(expectations), "every expectation is evaluated, once"
        return [found[expectation.meta["name"]] for expectation in expectations]

    return examine


def _words(value: Any, pattern: str) -> str:
    if isinstance(value, list):
        return ", ".join(str(part) for part in value if part != REPEATED)
    return page.number(value) if not pattern or value is None else pattern.format(value)


def _example(row: dict[str, Any]) -> str:
    number = row.pop(ROW)
    return f"row {number:,} ({', '.join(f'{name} {_short(value)}' for name, value in row.items())})"


def _short(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if not isinstance(value, str):
        return "missing" if value is None else str(value)
    return repr(value) if len(value) <= SHOWN else f"{value[:SHOWN]!r}... of {len(value):,} characters"
