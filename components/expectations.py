"""What interactions must be like to be believed: every expectation, its severity and its bound, in one list.

A critical expectation that fails stops the run; a warning is shown. Each is a Great Expectations object; its
`meta` carries our name of it and its bound in words.
"""

from collections.abc import Collection
from datetime import UTC, datetime, time
from typing import Any

from adrec import config
from adrec.interactions import ITEM, RATING, REQUIRED, TIMESTAMP, USER

CRITICAL, WARNING = "critical", "warning"
AROUND = r"^\s|\s$"  # white space at either end
TYPES = {  # in pandas' words and in ours
    USER: ("str", "text"),
    ITEM: ("str", "text"),
    TIMESTAMP: ("Timestamp", "a time in UTC"),
    RATING: ("float64", "a number"),
}


def declare(bounds: config.Validate, columns: Collection[str], now: datetime) -> list[Any]:
    """The expectations of interactions that have these columns, the gravest first."""
    import great_expectations.expectations as gxe

    earliest = datetime.combine(bounds.earliest, time.min, UTC)
    day = f"{bounds.earliest:%Y-%m-%d}"
    expectations = [
        _expect(gxe.ExpectTableColumnsToMatchSet, CRITICAL, "the columns are there", ", ".join(REQUIRED),
                column_set=list(REQUIRED), exact_match=False),
        _expect(gxe.ExpectTableRowCountToBeBetween, CRITICAL, "there are enough rows",
                f"at least {bounds.min_rows:,}", min_value=bounds.min_rows),
        *(_expect(gxe.ExpectColumnValuesToBeOfType, CRITICAL, f"{column} has its type", TYPES[column][1],
                  column=column, type_=TYPES[column][0])
          for column in (*REQUIRED, RATING) if column in REQUIRED or column in columns),
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
                f"at least {day}", column=TIMESTAMP, min_value=earliest),
        _expect(gxe.ExpectCompoundColumnsToBeUnique, CRITICAL, "no interaction stands twice",
                "distinct (user, item, timestamp)", column_list=list(REQUIRED)),
        _expect(gxe.ExpectColumnUniqueValueCountToBeBetween, CRITICAL, "there are enough users",
                f"at least {bounds.min_users:,}", column=USER, min_value=bounds.min_users),
        _expect(gxe.ExpectColumnUniqueValueCountToBeBetween, CRITICAL, "there are enough items",
                f"at least {bounds.min_items:,}", column=ITEM, min_value=bounds.min_items),
        *(_expect(gxe.ExpectColumnValuesToNotMatchRegex, WARNING, f"{column} has no white space around it",
                  "no white space at either end", column=column, regex=AROUND)
          for column in (USER, ITEM)),
    ]  # fmt: skip
    return expectations + (_ratings(bounds) if RATING in columns else [])


def _ratings(bounds: config.Validate) -> list[Any]:
    import great_expectations.expectations as gxe

    return [
        _expect(gxe.ExpectColumnValuesToBeBetween, CRITICAL, "rating is within its scale",
                f"{bounds.min_rating:g} to {bounds.max_rating:g}",
                column=RATING, min_value=bounds.min_rating, max_value=bounds.max_rating),
        _expect(gxe.ExpectColumnValuesToNotBeNull, WARNING, "rating is never missing", "no missing value",
                column=RATING),
    ]  # fmt: skip


def _expect(kind: Any, severity: str, name: str, bound: str, **kwargs: Any) -> Any:
    return kind(severity=severity, description=name, meta={"name": name, "bound": bound}, **kwargs)
