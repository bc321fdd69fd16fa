"""How raw values become ids, numbers and times.

Numbers for a time count from 1970 in the unit that the column's median suggests: seconds below 10^11,
milliseconds below 10^14, microseconds below 10^17, else nanoseconds; one unit for the whole column. (Seconds
reach that bound in the year 5138; milliseconds before March 1973 would be misread.) Text is ISO 8601:
`2024-01-31`, or with a time `2024-01-31T23:59:59`, a fraction of a second, `Z` or an offset; without an
offset it is UTC.
"""

import reprlib
from collections.abc import Callable

import polars as pl

from adrec.interactions import EVENT, ITEM, RATING, SCHEMA, TIMESTAMP, USER

UNITS = {1: 10**11, 10**3: 10**14, 10**6: 10**17, 10**9: 2**63}  # ticks of a second: bound of the median
YEARS = (-62_135_596_800, 253_402_300_799)  # seconds from 1970 of the years 1 and 9999
NUMBER = r"^[+-]?\d+(\.\d*)?$"


def parse(raw: pl.Series, column: str, lines: pl.Series) -> pl.Series:
    """The typed values of one of our columns; what is missing stays missing.

    Args:
        raw: the values, under the name that they have in the source.
        column: a column of `SCHEMA`.
        lines: where in the source each value stands.

    Raises:
        ValueError: a value cannot be parsed; names the first such line.
    """
    parser, meaning = PARSERS[column]
    parsed = parser(raw)
    failed = (raw.is_not_null() & parsed.is_null()).arg_true()
    if len(failed):
        row = failed[0]
        more = f", nor are {len(failed) - 1:,} others" if len(failed) > 1 else ""
        raise ValueError(f"line {lines[row]}: {raw.name} = {reprlib.repr(raw[row])} is not {meaning}{more}")
    return parsed


def _text(raw: pl.Series) -> pl.Series:
    """Text as it stands and integers in digits; nothing else names a user or an item without doubt."""
    sound = raw.dtype.is_integer() or raw.dtype in (pl.String, pl.Categorical, pl.Enum)
    return raw.cast(pl.String) if sound else _none(raw, pl.String())


def _none(raw: pl.Series, dtype: pl.DataType) -> pl.Series:
    return pl.Series(raw.name, [None] * len(raw), dtype=dtype)


def _number(raw: pl.Series) -> pl.Series:
    values = raw.cast(pl.Float64, strict=False)
    return values.set(~values.is_finite(), None)


def _time(raw: pl.Series) -> pl.Series:
    if raw.dtype.is_temporal():
        return _from_calendar(raw)
    if raw.dtype.is_numeric():
        return _from_count(raw)
    text = raw.cast(pl.String, strict=False)
    counts = text.drop_nulls().head(1).str.contains(NUMBER).any()
    return _from_count(_counts(text)) if counts else _from_iso(text)


def _from_calendar(raw: pl.Series) -> pl.Series:
    if raw.dtype not in (pl.Date, pl.Datetime):
        return _none(raw, SCHEMA[TIMESTAMP])
    times = raw.cast(pl.Datetime("us")) if raw.dtype == pl.Date else raw.dt.cast_time_unit("us")
    aware = getattr(times.dtype, "time_zone", None)
    return times.dt.convert_time_zone("UTC") if aware else times.dt.replace_time_zone("UTC")


def _counts(text: pl.Series) -> pl.Series:
    """Integers where all are, so that nothing is rounded; else floats."""
    whole = text.cast(pl.Int64, strict=False)
    return whole if whole.null_count() == text.null_count() else text.cast(pl.Float64, strict=False)


def _from_count(counts: pl.Series) -> pl.Series:
    """Times from ticks since 1970; one that falls outside the years 1 to 9999 is none."""
    median = counts.cast(pl.Float64).abs().median() or 0.0
    assert isinstance(median, float), median
    ticks = next(ticks for ticks, bound in UNITS.items() if median <= bound)
    low, high = (max(-(2**63), YEARS[0] * ticks), min(2**63 - 1, YEARS[1] * ticks))
    counts = counts.set(~counts.is_between(low, high), None)
    if counts.dtype.is_float():
        microseconds = (counts * (10**6 / ticks)).round().cast(pl.Int64, strict=False)
    else:
        counts = counts.cast(pl.Int64)
        microseconds = counts // (ticks // 10**6) if ticks > 10**6 else counts * (10**6 // ticks)
    return microseconds.cast(SCHEMA[TIMESTAMP])


def _from_iso(text: pl.Series) -> pl.Series:
    full = text.str.replace(r"^(\d{4}-\d\d-\d\d)$", "${1}T00:00:00").str.replace(r"Z$", "+00:00")
    full = full.str.replace(r"^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?)$", "${1}T${2}+00:00")
    full = full.str.replace(r"^(\d{4}-\d\d-\d\d) ", "${1}T")
    return full.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", time_zone="UTC", strict=False)


PARSERS: dict[str, tuple[Callable[[pl.Series], pl.Series], str]] = {
    USER: (_text, "a text or an integer"),
    ITEM: (_text, "a text or an integer"),
    TIMESTAMP: (_time, "a time like the others (a number in the column's unit since 1970, or ISO 8601)"),
    RATING: (_number, "a finite number"),
    EVENT: (_text, "a text or an integer"),
}
