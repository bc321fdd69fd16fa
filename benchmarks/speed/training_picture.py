"""How the cost of training grows with items and with users, drawn."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def draw(figures: dict[str, Any], path: Path) -> None:
    """Draw both curves, log by log, beside the lines of proportional growth."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.subplots(1, 2)
    for place, key, title in zip(
        axes, ("by_items", "by_users"), ("a step, by items in the catalogue", "an epoch, by users"), strict=True
    ):
        counts, costs = [int(count) for count in figures[key]], list(figures[key].values())
        place.loglog(counts, costs, "o-", color="#3465a4", label="measured")
        place.loglog(counts, [count / counts[0] for count in counts], ":", color="#888888", label="proportional")
        place.set_xticks(counts, [f"{count:,}" for count in counts], fontsize=8)
        place.set_yticks(costs, [f"{cost:.3g}" for cost in costs], fontsize=8)
        place.minorticks_off()
        place.set_title(title, fontsize=10)
        place.set_ylabel("relative cost")
        place.grid(visible=True, which="major", color="#e5e5e5")
        place.legend(frameon=False, fontsize=8)
    figure.savefig(path)
