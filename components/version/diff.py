"""What came and what went between two versions of the interactions."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from adrec import config
from adrec.data.interactions import ITEM, USER
from components.registry import datasets

SIGN = "__sign"  # -1 in the version before, 1 in the one after


@dataclass(frozen=True)
class Change:
    """How many there were, came, went, and are."""

    before: int
    added: int
    gone: int
    after: int


def compare(before: str, after: str, section: config.Version) -> dict[str, Change]:
    """The change of rows, users and items from the version tagged `before` to the one tagged `after`.

    Raises:
        FileNotFoundError: there is no registry.
        ValueError: a tag is unknown, or its bytes can no longer be had.
    """
    with tempfile.TemporaryDirectory(prefix="adrec-compare-") as folder:
        paths = [Path(folder) / name for name in ("before.parquet", "after.parquet")]
        for tag, path in zip((before, after), paths, strict=True):
            datasets.get(tag, section, path)
        return changes(*(pl.scan_parquet(path) for path in paths))


def changes(before: pl.LazyFrame, after: pl.LazyFrame) -> dict[str, Change]:
    """The change of rows, users and items; a row counts as often as it stands there, the order does not count."""
    signed = [frame.with_columns(pl.lit(sign, pl.Int64).alias(SIGN)) for frame, sign in ((before, -1), (after, 1))]
    codes = [pl.col(key).cast(pl.Categorical(pl.Categories.random())).to_physical() for key in (USER, ITEM)]
    rows = pl.concat(signed, how="diagonal").with_columns(codes)  # numbers, because a whole log is held against another
    columns = rows.collect_schema().names()
    columns.remove(SIGN)
    present = {key: rows.select(key, SIGN).unique() for key in (USER, ITEM)}
    return {
        "rows": _change(rows, columns),
        "users": _change(present[USER], [USER]),
        "items": _change(present[ITEM], [ITEM]),
    }


def _change(signed: pl.LazyFrame, key: list[str]) -> Change:
    """Counts by sign; what is equal in `key` on both sides cancels out."""
    sign = pl.col(SIGN)
    groups = signed.group_by(key).agg(net=sign.sum(), before=(sign < 0).sum(), after=(sign > 0).sum())
    net = pl.col("net")
    counts = groups.select(
        pl.col("before").sum(),
        added=net.clip(lower_bound=0).sum(),
        gone=-net.clip(upper_bound=0).sum(),
        after=pl.col("after").sum(),
    )
    return Change(**counts.collect(engine="streaming").row(0, named=True))
