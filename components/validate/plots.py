"""What interactions look like: pictures of when they happened, whose they are and what they went to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from components.html import page
from components.validate.statistics import TableStatistics

SPANS = 60
THESE, BEFORE = "these interactions", "the version before"
HEAD = 0.1  # the share of the items that is called most popular
THOUSANDS = FuncFormatter(lambda value, _: f"{value:,.0f}")


@dataclass(frozen=True)
class Picture:
    """A drawing, and in words what it shows."""

    caption: str
    note: str
    svg: Markup
    wide: bool = False


def pictures(found: TableStatistics, before: TableStatistics | None) -> list[Picture]:
    """The portrait, beside the version before; there is none of a table without users, items or times."""
    if not (found.users and found.items.height and len(found.times)):
        return []
    return [over_time(found, before), history_lengths(found, before), item_popularity(found, before)]


def over_time(found: TableStatistics, before: TableStatistics | None) -> Picture:
    """How many interactions fell into each of equal spans between the first and the last."""
    figure, axes = page.canvas(10.6, 2.3)
    tables = [found] if before is None or not len(before.times) else [found, before]
    low, high = min(table.times.min() for table in tables), max(table.times.max() for table in tables)
    edges = np.linspace(low, max(high, low + SPANS), SPANS + 1).astype(np.int64)
    _beside(axes, [np.histogram(table.times, edges)[0] for table in tables], edges.astype("datetime64[us]"))
    if len(tables) > 1:
        axes.legend(ncols=2, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)  # above: any bar may be high
    locator = AutoDateLocator(minticks=3, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    axes.yaxis.set_major_formatter(THOUSANDS)
    note = f"Interactions in each of {SPANS} equal spans of time."
    return Picture("When it happened", note, page.svg(figure), wide=True)


def history_lengths(found: TableStatistics, before: TableStatistics | None) -> Picture:
    """How many users have how many interactions, on a logarithmic scale of lengths."""
    figure, axes = page.canvas()
    tables = [table.lengths for table in (found, before) if table is not None and table.users]
    low, high = min(lengths.min() for lengths in tables), max(lengths.max() for lengths in tables)
    edges = np.unique(np.geomspace(low, high + 1, 28).round())
    # A span of two lengths has twice the users: divided by its width, equal heights mean equally common lengths.
    _beside(axes, [np.histogram(lengths, edges)[0] / np.diff(edges) for lengths in tables], edges)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    _plain(axes.xaxis)
    axes.set_xlabel("interactions of a user")
    axes.set_ylabel("users of each length")
    shortest, middle, longest = np.quantile(found.lengths, [0.1, 0.5, 0.9])
    note = f"Half of the users have at least {middle:,.0f} interactions, most {shortest:,.0f} to {longest:,.0f}."
    return Picture("How long the histories are", note, page.svg(figure))


def item_popularity(found: TableStatistics, before: TableStatistics | None) -> Picture:
    """How many interactions each item has, the most popular first, both on logarithmic scales."""
    figure, axes = page.canvas()
    counts, *others = (
        np.sort(table.items["popularity"].to_numpy())[::-1] for table in (found, before) if table is not None
    )
    axes.loglog(*_by_rank(counts), color=page.SERIES[0], linewidth=2, label=THESE)
    axes.fill_between(*_by_rank(counts), 0.9, color=page.SERIES[0], alpha=0.16, linewidth=0)
    for other in others:
        axes.loglog(*_by_rank(other), color=page.SERIES[1], linewidth=1.4, label=BEFORE)
    axes.set_ylim(bottom=0.9)
    _plain(axes.xaxis)
    _plain(axes.yaxis)
    axes.set_xlabel("items, the most popular first")
    axes.set_ylabel("interactions")
    head = counts[: max(1, round(HEAD * len(counts)))].sum() / counts.sum()
    note = f"The most popular {HEAD:.0%} of the items have {head:.0%} of the interactions."
    return Picture("How the items share them", note, page.svg(figure))


def _beside(axes: Axes, heights: Sequence[np.ndarray], edges: np.ndarray) -> None:
    """Filled steps for these interactions, and a line for the version before if its heights are there too."""
    axes.stairs(heights[0], edges, fill=True, color=page.SERIES[0], alpha=0.85, label=THESE)
    for other in heights[1:]:
        axes.stairs(other, edges, color=page.SERIES[1], linewidth=1.6, label=BEFORE)


def _by_rank(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Some ranks, evenly on a logarithmic scale, and the counts there."""
    ranks = np.unique(np.geomspace(1, len(counts), 200).round().astype(np.int64)) if len(counts) else np.zeros(0, int)
    return ranks, counts[ranks - 1]


def _plain(axis: Axis) -> None:
    """Write 1,000 on a logarithmic axis, not a power of ten."""
    axis.set_major_formatter(THOUSANDS)
    axis.set_minor_formatter(NullFormatter())
