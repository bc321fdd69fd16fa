"""How raw values become ids, numbers and times; what cannot be represented becomes none.

Numbers for a time count from 1970 in the unit that the median of a source's first batch suggests: seconds below
10^11, milliseconds below 10^14, microseconds below 10^17, else nanoseconds; one unit for the whole source. (Seconds
reach that bound in the year 5138; milliseconds before March 1973 would be misread.) Text is ISO 8601: `2024-01-31`,
or with a time `2024-01-31T23:59:59`, a fraction of a second, `Z` or an offset; without an offset it is UTC.
"""

from collections.abc import Callable
from functools import partial

import polars as pl

from adrec.data.interactions import EVENT, ITEM, RATING, SCHEMA, TIMESTAMP, USER

Parser = Callable[[pl.Series], pl.Series]
Clock = Parser

UNITS = {1: 10**11, 10**3: 10**14, 10**6: 10**17, 10**9: 2**63}  # ticks of a second: bound of the median
YEARS = (-62_135_596_800, 253_402_300_799)  # seconds from 1970 of the years 1 and 9999
DAY = r"^\d{4}-\d\d-\d\d"
NUMBER = r"^[+-]?\d+(\.\d*)?([eE][+-]?\d+)?$"


def clock(raw: pl.Series) -> Clock | None:
    """What makes times of a column, as its first likely value suggests; none where there is none."""
    values = raw.drop_nulls()
    if values.is_empty():
        return None
    if raw.dtype.is_temporal():
        return _from_calendar
    if raw.dtype.is_numeric():
        return partial(_from_count, ticks=_ticks(values.cast(pl.Float64)))
    if raw.dtype != pl.String:
        return _none
    likely = values.filter(values.str.contains(f"{NUMBER}|{DAY}"))
    if likely.is_empty():
        return None
    counts = likely.filter(likely.str.contains(NUMBER))
    numeric = bool(likely.head(1).str.contains(NUMBER).all())
    return partial(_from_count, ticks=_ticks(counts.cast(pl.Float64))) if numeric else _from_iso


def _ticks(counts: pl.Series) -> int:
    median = counts.abs().median() or 0.0
    assert isinstance(median, float), median
    return next((ticks for ticks, bound in UNITS.items() if median <= bound), max(UNITS))


def _none(raw: pl.Series) -> pl.Series:
    return pl.Series(raw.name, [None] * len(raw), dtype=SCHEMA[TIMESTAMP])


def _text(raw: pl.Series) -> pl.Series:
    """Text as it stands and integers in digits; nothing else names a user or an item without doubt."""
    sound = raw.dtype.is_integer() or raw.dtype in (pl.String, pl.Categorical, pl.Enum)
    return raw.cast(pl.String) if sound else pl.Series(raw.name, [None] * len(raw), dtype=pl.String)


def _number(raw: pl.Series) -> pl.Series:
    if not (raw.dtype.is_numeric() or raw.dtype == pl.String):
        return pl.Series(raw.name, [None] * len(raw), dtype=pl.Float64)
    values = raw.cast(pl.Float64, strict=False)
    return values.set(~values.is_finite(), None)


def _from_calendar(raw: pl.Series) -> pl.Series:
    if raw.dtype not in (pl.Date, pl.Datetime):
        return _none(raw)
    times = raw.cast(pl.Datetime("us")) if raw.dtype == pl.Date else raw.dt.cast_time_unit("us")
    aware = getattr(times.dtype, "time_zone", None)
    times = times.dt.convert_time_zone("UTC") if aware else times.dt.replace_time_zone("UTC")
    return _within_years(times.cast(pl.Int64))


def _from_count(raw: pl.Series, ticks: int) -> pl.Series:
    """Times from ticks since 1970: whole numbers exactly, fractions to the nearest microsecond."""
    exact = raw.dtype.is_integer() or raw.dtype == pl.String
    whole = (raw if exact else raw.clear(len(raw))).cast(pl.Int64, strict=False)
    low, high = (max(-(2**63), YEARS[0] * ticks), min(2**63 - 1, YEARS[1] * ticks))
    whole = whole.set(~whole.is_between(low, high), None)
    counted = whole // (ticks // 10**6) if ticks > 10**6 else whole * (10**6 // ticks)
    rounded = (raw.cast(pl.Float64, strict=False) * (10**6 / ticks)).round().cast(pl.Int64, strict=False)
    return _within_years(pl.select(pl.coalesce(counted, rounded)).to_series().alias(raw.name))


def _from_iso(raw: pl.Series) -> pl.Series:
    full = raw.str.replace(r"^(\d{4}-\d\d-\d\d)$", "${1}T00:00:00").str.replace(r"Z$", "+00:00")
    full = full.str.replace(r"^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?)$", "${1}T${2}+00:00")
    full = full.str.replace(r"^(\d{4}-\d\d-\d\d) ", "${1}T")
    return full.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", time_zone="UTC", strict=False)


def _within_years(microseconds: pl.Series) -> pl.Series:
    low, high = (seconds * 10**6 for seconds in YEARS)
    return microseconds.set(~microseconds.is_between(low, high), None).cast(SCHEMA[TIMESTAMP])


PARSERS: dict[str, Parser] = {USER: _text, ITEM: _text, RATING: _number, EVENT: _text}  # of all but the timestamp
MEANINGS = {
    **dict.fromkeys((USER, ITEM, EVENT), "a text or an integer"),
    TIMESTAMP: "a time like the others (a number in the column's unit since 1970, or ISO 8601)",
    RATING: "a finite number",
}
