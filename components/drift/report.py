"""The drift page: what moved between training and service, in figures and pictures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from components.drift.step import Bins, Measure
from components.html import page

TRAINING, SERVED = page.SERIES[4], page.SERIES[0]
WIDTH = 0.4


def page_of(summary: dict[str, Any], measures: Sequence[Measure], lengths: Bins, popularity: Bins) -> str:
    """One self-contained HTML page."""
    pictures = [
        (
            "How long the histories are",
            "Share of the histories by number of interactions.",
            shares(lengths, "interactions"),
        ),
        (
            "What the histories are about",
            "Share of the interactions by the popularity of the item in training, in tenths.",
            shares(popularity, "items, from the most to the least popular"),
        ),
        ("Items that moved most", "Their share of the interactions.", moved(summary["movers"])),
    ]
    return page.render("drift/page.html", summary=summary, measures=measures, pictures=pictures)


def shares(bins: Bins, label: str) -> Markup:
    """Training and service side by side, in each bin."""
    figure, axes = page.canvas()
    places = np.arange(len(bins.names))
    for offset, counts, colour, name in (
        (-WIDTH / 2, bins.training, TRAINING, "training"),
        (WIDTH / 2, bins.served, SERVED, "served"),
    ):
        axes.bar(places + offset, 100 * counts / max(1, counts.sum()), WIDTH, color=colour, label=name)
    axes.set_xticks(places, bins.names, fontsize="x-small")
    axes.set_xlabel(label)
    axes.set_ylabel("per cent")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0)  # above: any bar may be high
    return page.svg(figure)


def moved(movers: Sequence[dict[str, Any]]) -> Markup:
    """A line from the former to the present share of each item."""
    figure, axes = page.canvas(10.6, 0.7 + 0.24 * len(movers))
    rows = np.arange(len(movers))[::-1]
    was, now = (np.array([100 * mover[side] for mover in movers]) for side in ("training", "served"))
    axes.hlines(rows, was, now, color=page.RULE, linewidth=2)
    axes.plot(was, rows, "o", color=TRAINING, label="training")
    axes.plot(now, rows, "o", color=SERVED, label="served")
    axes.set_yticks(rows, [str(mover["item"])[:24] for mover in movers])
    axes.set_xlabel("per cent of the interactions")
    axes.legend()
    return page.svg(figure)
