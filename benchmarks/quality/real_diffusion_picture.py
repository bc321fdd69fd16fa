"""The ranking by reverse steps and the squared error by noise level of several networks, drawn."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = ("#1f6f8b", "#c8553d", "#6a994e", "#8a6fb0")
METRICS = ("HR@20", "NDCG@20")

Found = Sequence[Mapping[str, Any]]  # the figures of one network, one a seed


def draw(found: Mapping[str, Found], path: Path) -> None:
    """Write an SVG of three panels: each metric by steps, and the error by level; dots are seeds, lines their means.

    Args:
        found: by what the network is called.
        path: where to.
    """
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    panels = figure.subplots(1, len(METRICS) + 1)
    for colour, (title, runs) in zip(COLOURS, found.items(), strict=False):
        for panel, metric in zip(panels, METRICS, strict=False):
            _line(
                panel,
                [{int(s): 100 * each[metric] for s, each in run["by_steps"].items()} for run in runs],
                colour,
                title,
            )
        _line(
            panels[-1],
            [{int(t): each["mse"] / each["mse_of_zero"] for t, each in run["by_level"].items()} for run in runs],
            colour,
            title,
        )
    _finish(panels)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(found), frameon=False)
    with matplotlib.rc_context({"svg.hashsalt": "real_diffusion"}):
        figure.savefig(path, format="svg", metadata={"Date": None})


def _line(panel: Axes, curves: Sequence[Mapping[int, float]], colour: str, title: str) -> None:
    """The mean of curves over seeds, and their points."""
    places = list(curves[0])
    panel.plot(places, [fmean(curve[place] for curve in curves) for place in places], "o-", color=colour, label=title)
    for curve in curves:
        panel.plot(places, list(curve.values()), "o", color=colour, markersize=3, alpha=0.45)


def _finish(panels: Sequence[Axes]) -> None:
    """Scales, names and the line of answering zero."""
    for panel, metric in zip(panels, METRICS, strict=False):
        panel.set_xscale("log", base=2)
        panel.xaxis.set_major_formatter("{x:g}")
        panel.set_xlabel("reverse steps")
        panel.set_ylabel(f"{metric}, %")
        panel.set_ylim(bottom=0)
    panels[-1].set_yscale("symlog", linthresh=1)  # even below the error of answering zero, logarithmic above it
    panels[-1].set_ylim(bottom=0)
    panels[-1].yaxis.set_major_formatter("{x:g}")
    panels[-1].axhline(1, color="#444444", linewidth=1, linestyle=":")
    panels[-1].set_xlabel("step index, 0: least noise")
    panels[-1].set_ylabel("MSE, of answering zero = 1")
    for panel in panels:
        panel.grid(color="#e4e4e4")
        panel.set_axisbelow(True)
        panel.spines[["top", "right"]].set_visible(False)
