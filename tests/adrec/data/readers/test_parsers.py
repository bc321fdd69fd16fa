"""Values are represented exactly or not at all, whatever type they come in and whatever stands beside them."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adrec.data.interactions import RATING, SCHEMA, TIMESTAMP, USER
from adrec.data.readers.parsers import PARSERS, YEARS, clock

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
STRANGE = {
    "bool": pl.Series([True]),
    "list": pl.Series([[1, 2]]),
    "struct": pl.Series([{"a": 1}]),
    "bytes": pl.Series([b"\xff"]),
    "duration": pl.Series([timedelta(days=1)]),
    "time of day": pl.Series([time(12)]),
    "object": pl.Series([{1, 2}], dtype=pl.Object),
}


def times(raw: pl.Series) -> list[datetime | None]:
    made = clock(raw)
    assert made is not None
    found = made(raw)
    assert found.dtype == SCHEMA[TIMESTAMP]
    return found.to_list()


@pytest.mark.parametrize("raw", STRANGE.values(), ids=STRANGE)
def test_a_type_that_is_none_of_ours_gives_no_value_and_no_error(raw: pl.Series) -> None:
    for column, parser in PARSERS.items():
        assert parser(raw).to_list() == [None]
        assert parser(raw).dtype == SCHEMA[column]
    assert times(raw) == [None]


@settings(deadline=None)
@given(st.lists(st.integers(10**18, 2**63 - 1), min_size=1, max_size=9))
def test_nanoseconds_lose_nothing_but_what_is_below_a_microsecond(counts: list[int]) -> None:
    for raw in (pl.Series(counts), pl.Series(map(str, counts))):
        assert times(raw) == [EPOCH + (count // 1000) * MICROSECOND for count in counts]


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**10).map(str) | st.floats(0, 10**10).map(str) | st.text(max_size=5), max_size=9))
def test_a_time_does_not_depend_on_what_stands_beside_it(texts: list[str]) -> None:
    raw = pl.Series(["1", *texts], dtype=pl.String)
    made = clock(raw)
    assert made is not None
    assert made(raw).to_list() == [made(raw[place : place + 1])[0] for place in range(len(raw))]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([Decimal("1.5"), Decimal("2")], [EPOCH + timedelta(seconds=1.5), EPOCH + timedelta(seconds=2)]),
        ([date(2024, 2, 29)], [datetime(2024, 2, 29, tzinfo=UTC)]),
        (["1e3", "-1", "+2.", "0x1", "", "1 "], [EPOCH + timedelta(seconds=s) for s in (1000, -1, 2)] + [None] * 3),
        (["2024-02-29", "2023-02-29", "12", "2024-01-01T25:00:00"], [datetime(2024, 2, 29, tzinfo=UTC), *[None] * 3]),
    ],
)
def test_a_time_is_what_it_says_or_none(values: list[Any], expected: list[datetime | None]) -> None:
    assert times(pl.Series(values)) == expected


@pytest.mark.parametrize("second", [YEARS[0] - 1, YEARS[1] + 1, 2**62, -(2**62)])
def test_a_time_outside_the_years_of_the_calendar_is_none(second: int) -> None:
    assert times(pl.Series([5, 6, second]))[-1] is None
    assert times(pl.Series([second * 10**6]).clip(-(2**63), 2**63 - 1).cast(pl.Datetime("us"))) == [None]


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999", "five", ""])
def test_a_number_that_is_not_finite_is_none(text: str) -> None:
    assert PARSERS[RATING](pl.Series([text, "4.5"])).to_list() == [None, 4.5]


def test_an_integer_of_any_size_is_an_id_in_digits_and_a_fraction_is_none() -> None:
    assert PARSERS[USER](pl.Series([2**64 - 1], dtype=pl.UInt64)).to_list() == ["18446744073709551615"]
    assert PARSERS[USER](pl.Series([7.0])).to_list() == [None]
