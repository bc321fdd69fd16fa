"""What interactions look like: pictures of when they happened, whose they are and what they went to."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from markupsafe import Markup
from matplotlib.axis import Axis
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from components import page
from components.measures import Measures

SPANS = 60
HEAD = 0.1  # the share of the items that is called most popular
THOUSANDS = FuncFormatter(lambda value, _: f"{value:,.0f}")


@dataclass(frozen=True)
class Picture:
    """A drawing, and in words what it shows."""

    caption: str
    note: str
    svg: Markup
    wide: bool = False


def pictures(found: Measures, before: Measures | None) -> list[Picture]:
    """The portrait, beside the version before; there is none of a table without users, items or times."""
    if not (found.users and found.items.height and len(found.times)):
        return []
    return [over_time(found, before), history_lengths(found.lengths), item_popularity(found.items["popularity"])]


def over_time(found: Measures, before: Measures | None) -> Picture:
    """How many interactions fell into each of equal spans between the first and the last."""
    figure, axes = page.canvas(10.6, 2.3)
    tables = [found] if before is None or not len(before.times) else [found, before]
    low, high = min(table.times.min() for table in tables), max(table.times.max() for table in tables)
    edges = np.linspace(low, max(high, low + SPANS), SPANS + 1).astype("datetime64[us]")
    counts = [np.histogram(table.times, edges.astype(np.int64))[0] for table in tables]
    axes.stairs(counts[0], edges, fill=True, color=page.SERIES[0], alpha=0.85, label="these interactions")
    if len(tables) > 1:
        axes.stairs(counts[1], edges, color=page.SERIES[1], linewidth=1.6, label="the version before")
        axes.legend(loc="upper left")
    locator = AutoDateLocator(minticks=3, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    axes.yaxis.set_major_formatter(THOUSANDS)
    note = f"Interactions in each of {SPANS} equal spans of time."
    return Picture("When it happened", note, page.svg(figure), wide=True)


def history_lengths(lengths: np.ndarray) -> Picture:
    """How many users have how many interactions, on a logarithmic scale of lengths."""
    figure, axes = page.canvas()
    edges = np.unique(np.geomspace(lengths.min(), lengths.max() + 1, 28).round())
    axes.hist(lengths, bins=edges.tolist(), color=page.SERIES[0], rwidth=0.86)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    _plain(axes.xaxis)
    axes.set_xlabel("interactions of a user")
    axes.set_ylabel("users")
    low, middle, high = np.quantile(lengths, [0.1, 0.5, 0.9])
    note = f"Half of the users have at least {middle:,.0f} interactions, most {low:,.0f} to {high:,.0f}."
    return Picture("How long the histories are", note, page.svg(figure))


def item_popularity(popularity: pl.Series) -> Picture:
    """How many interactions each item has, the most popular first, both on logarithmic scales."""
    figure, axes = page.canvas()
    counts = np.sort(popularity.to_numpy())[::-1]
    ranks = np.unique(np.geomspace(1, len(counts), 200).round().astype(np.int64))
    axes.loglog(ranks, counts[ranks - 1], color=page.SERIES[0], linewidth=2)
    axes.fill_between(ranks, counts[ranks - 1], 0.9, color=page.SERIES[0], alpha=0.16, linewidth=0)
    axes.set_ylim(bottom=0.9)
    _plain(axes.xaxis)
    _plain(axes.yaxis)
    axes.set_xlabel("items, the most popular first")
    axes.set_ylabel("interactions")
    head = counts[: max(1, round(HEAD * len(counts)))].sum() / counts.sum()
    note = f"The most popular {HEAD:.0%} of the items have {head:.0%} of the interactions."
    return Picture("How the items share them", note, page.svg(figure))


def _plain(axis: Axis) -> None:
    """Write 1,000 on a logarithmic axis, not a power of ten."""
    axis.set_major_formatter(THOUSANDS)
    axis.set_minor_formatter(NullFormatter())
