"""The differences between variants and the original as a dot plot: each seed, their mean and their deviation."""

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.harness.spread import deviation

COLOURS = ("#1f6f8b", "#c8553d", "#6a994e")
ROW = 0.34  # inches a variant
GAP = 0.24  # between datasets in a row, of its height

Differences = Mapping[str, Mapping[str, Mapping[str, Mapping[str, Mapping[int, float]]]]]


def draw(figures: Differences, path: Path) -> None:
    """Write an SVG of one panel a metric with a row a variant and a colour a dataset.

    Args:
        figures: as `ablations.summary` gives them; the first variant is the original, which stands as the zero line.
        path: where to.
    """
    titles = list(next(iter(figures.values())))[1:]
    metrics = list(next(iter(next(iter(figures.values())).values())))
    figure = Figure(figsize=(10, 1.4 + ROW * len(titles)), layout="constrained")
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for panel, metric in zip(panels, metrics, strict=True):
        for number, (dataset, variants) in enumerate(figures.items()):
            shift = GAP * (number - (len(figures) - 1) / 2)
            rows = {row + shift: variants[title][metric]["differences"] for row, title in enumerate(titles)}
            _dots(panel, rows, COLOURS[number % len(COLOURS)], dataset)
        panel.axvline(0, color="#444444", linewidth=1, zorder=1)
        panel.set_xlabel(f"{metric} less that of ADRec, points")
        panel.grid(axis="x", color="#e4e4e4")
        panel.set_axisbelow(True)
        panel.tick_params(axis="y", length=0)
        panel.spines[["top", "right", "left"]].set_visible(False)
    panels[0].set_yticks(range(len(titles)), titles)
    panels[0].set_ylim(len(titles) - 0.5, -0.5)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(figures), frameon=False)
    with matplotlib.rc_context({"svg.hashsalt": "ablations"}):
        figure.savefig(path, format="svg", metadata={"Date": None})


def _dots(panel: Axes, rows: Mapping[float, Mapping[int, float]], colour: str, dataset: str) -> None:
    """One dataset: small dots for seeds, a large one for their mean, a bar of one deviation to each side."""
    panel.plot([], [], "o", color=colour, label=dataset)
    for row, by_seed in rows.items():
        found = list(by_seed.values())
        panel.plot(found, [row] * len(found), "o", color=colour, markersize=3, alpha=0.45)
        if found:
            panel.errorbar(fmean(found), row, xerr=deviation(found), fmt="o", color=colour, markersize=6, linewidth=1.4)
