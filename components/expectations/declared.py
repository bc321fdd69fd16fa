"""What the tables of the pipeline must be like to be believed: every expectation, its severity and its bound.

A critical expectation that fails stops the run; a warning is shown. Each is a Great Expectations object; its `meta`
carries our name of it, its bound in words, and how a number that it finds is written.
"""

from collections.abc import Collection
from datetime import UTC, datetime, time
from typing import Any

from adrec import config
from adrec.data.interactions import ITEM, RATING, REQUIRED, TIMESTAMP, USER

CRITICAL, WARNING = "critical", "warning"
REPEATED = "repeated"  # whether a row stands elsewhere in the table too; a column that validation adds
AROUND = r"^\s|\s$"  # white space at either end
FACTOR, PERCENT = "{:.2f} times", "{:.1%}"
TYPES = {  # in pandas' words and in ours
    USER: ("str", "text"),
    ITEM: ("str", "text"),
    TIMESTAMP: ("Timestamp", "a time in UTC"),
    RATING: ("float64", "a number"),
}


def of_rows(bounds: config.Validate, columns: Collection[str], now: datetime) -> list[Any]:
    """What is expected of each interaction in a table with these columns and `REPEATED`, the gravest first."""
    import great_expectations.expectations as gxe

    earliest = datetime.combine(bounds.earliest, time.min, UTC)
    expectations = [
        _expect(gxe.ExpectTableColumnsToMatchSet, CRITICAL, "the columns are there", ", ".join(REQUIRED),
                column_set=list(REQUIRED), exact_match=False),
        *(_expect(gxe.ExpectColumnValuesToBeOfType, CRITICAL, f"{column} has its type", TYPES[column][1],
                  column=column, type_=TYPES[column][0])
          for column in (*REQUIRED, RATING)),
        *(_expect(gxe.ExpectColumnValuesToNotBeNull, CRITICAL, f"{column} is never missing",
                  "no missing value", column=column)
          for column in REQUIRED),
        *(_expect(gxe.ExpectColumnValueLengthsToBeBetween, CRITICAL, f"{column} is of sensible length",
                  f"1 to {bounds.max_id_length:,} characters",
                  column=column, min_value=1, max_value=bounds.max_id_length)
          for column in (USER, ITEM)),
        _expect(gxe.ExpectColumnValuesToBeBetween, CRITICAL, "timestamp is not in the future",
                f"at most {now:%Y-%m-%d %H:%M} UTC", column=TIMESTAMP, max_value=now),
        _expect(gxe.ExpectColumnValuesToBeBetween, CRITICAL, "timestamp is not too old",
                f"at least {bounds.earliest:%Y-%m-%d}", column=TIMESTAMP, min_value=earliest),
        _expect(gxe.ExpectColumnValuesToBeInSet, CRITICAL, "no interaction stands twice",
                "distinct (user, item, timestamp)", column=REPEATED, value_set=[False]),
        _expect(gxe.ExpectColumnValuesToBeBetween, CRITICAL, "rating is within its scale",
                f"{bounds.min_rating:g} to {bounds.max_rating:g}",
                column=RATING, min_value=bounds.min_rating, max_value=bounds.max_rating),
        _expect(gxe.ExpectColumnValuesToNotBeNull, WARNING, "rating is never missing", "no missing value",
                column=RATING),
        *(_expect(gxe.ExpectColumnValuesToNotMatchRegex, WARNING, f"{column} has no white space around it",
                  "no white space at either end", column=column, regex=AROUND)
          for column in (USER, ITEM)),
    ]  # fmt: skip
    chosen = [each for each in expectations if RATING in columns or getattr(each, "column", "") != RATING]
    return _with_severities(bounds, chosen)


def of_whole(bounds: config.Validate) -> list[Any]:
    """What is expected of a table's measures (`measures.Measures.facts`)."""
    return _with_severities(bounds, [
        _within("rows", CRITICAL, "there are enough rows", f"at least {bounds.min_rows:,}", low=bounds.min_rows),
        _within("users", CRITICAL, "there are enough users", f"at least {bounds.min_users:,}", low=bounds.min_users),
        _within("items", CRITICAL, "there are enough items", f"at least {bounds.min_items:,}", low=bounds.min_items),
        _within("days", WARNING, "there are enough days", f"interactions on at least {bounds.min_days:,}",
                low=bounds.min_days),
        _within("largest_user", WARNING, "no user is everybody",
                f"at most {bounds.max_user_share:.0%} of the interactions", high=bounds.max_user_share,
                pattern=PERCENT),
    ])  # fmt: skip


def of_change(bounds: config.Validate) -> list[Any]:
    """What is expected of a table's measures beside those of the version before (`measures.change`)."""
    rows, daily = bounds.max_row_factor, bounds.max_daily_factor
    return _with_severities(bounds, [
        _within("rows", WARNING, "there are about as many rows as before", f"{1 / rows:.2f} to {rows:.2f} times",
                low=1 / rows, high=rows, pattern=FACTOR),
        _within("daily", WARNING, "there is about as much a day as before", f"{1 / daily:.2f} to {daily:.2f} times",
                low=1 / daily, high=daily, pattern=FACTOR),
        _within("new_items", WARNING, "the items are mostly known from before",
                f"at most {bounds.max_new_items:.0%} new ones", high=bounds.max_new_items, pattern=PERCENT),
        _within("lost_items", WARNING, "the items of before are mostly still there",
                f"at most {bounds.max_lost_items:.0%} lost", high=bounds.max_lost_items, pattern=PERCENT),
    ])  # fmt: skip


def of_sequences(items: int, shortest: int) -> list[Any]:
    """What is expected of the histories that models read (`tables.sequences`), with a catalogue of so many items."""
    return [
        *_of_histories(),
        _each("length", "every history can be split", f"at least {shortest} interactions", low=shortest),
        _each("lowest", "no item is padding", "item numbers from 1", low=1),
        _each("highest", "the catalogue knows every item", f"item numbers up to {items:,}", high=items),
    ]


def of_features(max_length: int) -> list[Any]:
    """What is expected of the histories that the service reads (`tables.features`)."""
    return [
        *_of_histories(),
        _each("length", "every history fits", f"1 to {max_length} interactions", low=1, high=max_length),
        _each("shortest_id", "no item id is empty", "ids of 1 character or more", low=1),
    ]


def check_names(bounds: config.Validate) -> None:
    """See that `validate.severity` names expectations of interactions.

    Raises:
        ValueError: a name is none of theirs.
    """
    everything = [*of_rows(bounds, (*REQUIRED, RATING), datetime.now(UTC)), *of_whole(bounds), *of_change(bounds)]
    names = [expectation.meta["name"] for expectation in everything]
    for name in bounds.severity:
        if name not in names:
            raise ValueError(f"params: validate.severity names {name!r}; the expectations are {', '.join(names)}")


def _of_histories() -> list[Any]:
    import great_expectations.expectations as gxe

    return [
        _expect(gxe.ExpectColumnValuesToNotBeNull, CRITICAL, "every user has an id", "no missing value", column=USER),
        _expect(gxe.ExpectColumnValuesToBeUnique, CRITICAL, "every user has one history", "distinct users",
                column=USER),
        _each("unpaired", "every item has its time", "as many times as items", low=0, high=0),
        _each("step", "every history is in order of time", "no step back", low=0),
    ]  # fmt: skip


def _each(column: str, name: str, bound: str, *, low: float | None = None, high: float | None = None) -> Any:
    """Every value of a column lies within bounds."""
    import great_expectations.expectations as gxe

    kind = gxe.ExpectColumnValuesToBeBetween
    return _expect(kind, CRITICAL, name, bound, column=column, min_value=low, max_value=high)


def _within(
    column: str, severity: str, name: str, bound: str, *,
    low: float | None = None, high: float | None = None, pattern: str = "",
) -> Any:  # fmt: skip
    """The only value of a column lies within bounds."""
    import great_expectations.expectations as gxe

    kind = gxe.ExpectColumnMaxToBeBetween
    return _expect(kind, severity, name, bound, pattern, column=column, min_value=low, max_value=high)


def _expect(kind: Any, severity: str, name: str, bound: str, pattern: str = "", **kwargs: Any) -> Any:
    return kind(severity=severity, description=name, meta={"name": name, "bound": bound, "pattern": pattern}, **kwargs)


def _with_severities(bounds: config.Validate, expectations: list[Any]) -> list[Any]:
    """The expectations with the severities of `bounds` in the place of their own."""
    for expectation in expectations:
        own = expectation.severity
        expectation.severity = type(own)(bounds.severity.get(expectation.meta["name"], own.value))
    return expectations
