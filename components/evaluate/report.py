"""The evaluation report: who wins, by how much, for whom, and how training went."""

from collections.abc import Callable
from typing import Any

import numpy as np
from markupsafe import Markup

from adrec.data.dataset import Dataset
from adrec.data.splits import GlobalTime, LeaveOneOut
from adrec.training.trainer import SELECTION_METRIC
from components.evaluate import embeddings_report, reverse_steps
from components.html import page

NAMES = {
    "popularity": "Popularity",
    "sasrec": "SASRec",
    "adrec": "ADRec",
    "champion": "Champion",
    "oracle": "Oracle",
}
COLOURS = {"popularity": page.SERIES[4], "sasrec": page.SERIES[1], "adrec": page.SERIES[0], "champion": page.SERIES[3],
           "oracle": page.SERIES[2]}  # fmt: skip
STAGE_COLOURS = {"pretrain": page.SERIES[1], "warmup": page.SERIES[5], "finetune": page.SERIES[0]}
TARGETS = {
    LeaveOneOut.title: "the last interaction",
    GlobalTime.title: "the last interaction after training and validation ended",
}
LARGEST_CUTOFF = 50
MANY_POINTS = 40


def page_of(
    measured: dict[str, Any],
    ranks: dict[str, np.ndarray],
    data: Dataset,
    log: dict[str, Any],
    tables: dict[str, np.ndarray],
) -> str:
    """One self-contained HTML page.

    Args:
        measured: what `evaluate` writes as metrics.
        ranks: rank of each test user's target by each model, int64 [U].
        data: the dataset.
        log: epochs of each training stage.
        tables: item embeddings [N, D] of the candidates and of a Gaussian control.
    """
    return page.render(
        "evaluate/report.html",
        measured=measured,
        names=NAMES,
        about=data.about,
        headlines=headlines(measured),
        diffusion=diffusion(measured),
        target=TARGETS[measured["protocol"]["split"]],
        leakage=leakage(measured["protocol"]),
        embeddings=embeddings_report.section(measured, tables, data),
        fewer_steps=reverse_steps.sentence(measured["reverse_steps"]),
        pictures=[
            (
                "Hits within the first K",
                "Share of users whose target is among the first K items.",
                hits(ranks),
            ),
            (
                "Where the winner is strong",
                "By length of history and by popularity of the target.",
                slices(measured),
            ),
            (
                "Training loss",
                "Cross-entropy of the next item, by epoch through the three stages.",
                curve(log, _loss),
            ),
            ("Validation", "NDCG@20 on the validation targets, by epoch.", curve(log, _validation)),
        ],
    )


def headlines(measured: dict[str, Any]) -> list[str]:
    """The two metrics that stand first on the page: HR and NDCG at the largest cutoff."""
    return list(measured["models"][measured["winner"]])[-2:]


def diffusion(measured: dict[str, Any]) -> str:
    """In one sentence, what stages 2 and 3 add to stage 1 on these users."""
    metric = headlines(measured)[-1]
    found = measured["adrec_minus_sasrec"][metric]
    judgement = (
        "is better than" if found["low"] > 0 else "is worse than" if found["high"] < 0 else "is not told apart from"
    )
    return (
        f"By {metric} ADRec {judgement} its first stage, SASRec, on these users: the difference is "
        f"{100 * found['mean']:+.2f} points, its 95 % interval {100 * found['low']:+.2f} to {100 * found['high']:+.2f}."
    )


def leakage(protocol: dict[str, Any]) -> str:
    """In one sentence, how much of the future training saw."""
    leaked = protocol["leakage"]
    if not leaked:
        return f"The split ({protocol['split']}) leaks nothing: every training interaction is older than every target."
    return (
        f"The split ({protocol['split']}) leaks: of the training interactions {100 * leaked:.1f} % happened after the"
        " target, mean over the users; a model in service knows none of them."
    )


def hits(ranks: dict[str, np.ndarray]) -> Markup:
    """HR@K over K for every model."""
    figure, axes = page.canvas()
    cutoffs = np.arange(1, LARGEST_CUTOFF + 1)
    for name, rank in ranks.items():
        style = "--" if name == "oracle" else "-"
        axes.plot(cutoffs, [(rank < k).mean() for k in cutoffs], style, color=COLOURS[name], label=NAMES[name])
    axes.set_xlabel("K")
    axes.set_ylim(0, 1)
    axes.legend(ncols=len(ranks), loc="lower center", bbox_to_anchor=(0.5, 1), fontsize=8, frameon=False)
    return page.svg(figure)


def slices(measured: dict[str, Any]) -> Markup:
    """The last headline metric of the winner and of popularity in each slice of users."""
    figure, axes = page.canvas()
    winner, metric = measured["winner"], headlines(measured)[-1]
    titles = list(measured["slices"])
    places = np.arange(len(titles))
    for offset, name in ((-0.2, winner), (0.2, "popularity")):
        values = [measured["slices"][title][name][metric] for title in titles]
        axes.barh(places + offset, values, height=0.36, color=COLOURS[name], label=NAMES[name])
    axes.set_yticks(places, titles)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.set_xlabel(metric)
    axes.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1), fontsize=8, frameon=False)
    return page.svg(figure)


def curve(log: dict[str, Any], value: Callable[[dict[str, Any]], float | None]) -> Markup:
    """One line a stage over the epochs of all of them, end to end."""
    figure, axes = page.canvas()
    before = 0
    for stage, epochs in log.items():
        points = [(before + epoch["number"], value(epoch)) for epoch in epochs if value(epoch) is not None]
        if points:
            marker = "o" if len(points) < MANY_POINTS else None
            axes.plot(
                *zip(*points, strict=True),
                marker=marker,
                markersize=3,
                color=STAGE_COLOURS[stage],
                label=stage,
            )
        before += len(epochs)
    axes.set_xlabel("epoch")
    axes.legend(frameon=False)
    return page.svg(figure)


def _loss(epoch: dict[str, Any]) -> float:
    return epoch["losses"]["ce"]


def _validation(epoch: dict[str, Any]) -> float | None:
    return epoch["validation"][SELECTION_METRIC] if epoch["validation"] else None
