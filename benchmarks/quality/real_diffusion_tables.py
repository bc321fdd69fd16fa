"""The figures of `benchmarks.quality.real_diffusion` as Markdown: mean ± deviation over seeds, in per cent."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.harness.spread import shown

Found = Sequence[Mapping[str, Any]]  # the figures of one way to answer, one a seed


def report(found: Mapping[str, Found]) -> str:
    """All tables of one dataset; recipes that have not been run are left out."""
    tables = (steps_table, draws_table, chances_table, diversity_table, levels_table)
    return "\n\n".join(each({title: runs for title, runs in found.items() if runs}) for each in tables)


def cell(runs: Found, *path: str, scale: float = 100) -> str:
    """The value at a path of keys, times `scale`, as mean ± deviation over seeds."""
    return shown([scale * _at(run, path) for run in runs])


def _at(run: Mapping[str, Any], path: Sequence[str]) -> float:
    value: Any = run
    for key in path:
        value = value[key]
    return float(value)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def steps_table(found: Mapping[str, Found]) -> str:
    """The ranking by reverse steps."""
    measures = {"HR@20": "HR@20", "NDCG@20": "NDCG@20", "as_in_one": "top 20 as in one step"}
    head = ["reverse steps", *(f"{title}: {name}" for title in found for name in measures.values())]
    kept = next(iter(found.values()))[0]["by_steps"]
    return table(
        head,
        (
            [steps, *(cell(runs, "by_steps", steps, key) for runs in found.values() for key in measures)]
            for steps in kept
        ),
    )


def draws_table(found: Mapping[str, Found]) -> str:
    """The ranking by the mean of several draws' scores."""
    measures = ("HR@20", "NDCG@20")
    head = ["reverse steps", "draws averaged", *(f"{title}: {name}" for title in found for name in measures)]
    kept = next(iter(found.values()))[0]["by_draws"]
    return table(
        head,
        (
            [
                steps,
                draws,
                *(cell(runs, "by_draws", steps, "ranking", draws, key) for runs in found.values() for key in measures),
            ]
            for steps, parts in kept.items()
            for draws in parts["ranking"]
        ),
    )


def chances_table(found: Mapping[str, Found]) -> str:
    """How far the scores are probabilities, and the ranking by the mean of several draws' probabilities."""
    measures = {
        "log_loss": ("log loss, nats", 1),
        "calibration_error": ("calibration error", 100),
        "HR@20": ("HR@20", 100),
    }
    kept = next(iter(found.values()))[0]["by_draws"]
    return table(
        ["", "reverse steps", "draws averaged", *(name for name, _ in measures.values())],
        (
            [
                title,
                steps,
                draws,
                *(
                    cell(runs, "by_draws", steps, "calibration", draws, key, scale=scale)
                    for key, (_, scale) in measures.items()
                ),
            ]
            for title, runs in found.items()
            for steps, parts in kept.items()
            for draws in parts["calibration"]
        ),
    )


def diversity_table(found: Mapping[str, Found]) -> str:
    """How various single draws are."""
    measures = {"coverage": "catalogue shown", "overlap": "top 20 as by another draw", "cosine": "cosine within a list"}
    kept = next(iter(found.values()))[0]["by_draws"]
    return table(
        ["", "reverse steps", *measures.values()],
        (
            [title, steps, *(cell(runs, "by_draws", steps, "diversity", key) for key in measures)]
            for title, runs in found.items()
            for steps in kept
        ),
    )


def levels_table(found: Mapping[str, Found]) -> str:
    """What the network is as a denoiser, by step index; squared errors as multiples of that of answering zero."""
    shares = {"mse": "MSE", "mse_rescaled": "rescaled", "mse_of_constant": "constant"}
    others = {"by_noise": "change by noise", "by_level": "by being told another index", "HR@20": "HR@20"}
    rows = (
        [title, level]
        + [
            shown([_at(run["by_level"][level], [key]) / run["by_level"][level]["mse_of_zero"] for run in runs])
            for key in shares
        ]
        + [cell(runs, "by_level", level, key) for key in others]
        for title, runs in found.items()
        for level in runs[0]["by_level"]
    )
    return table(["", "index", *shares.values(), *others.values()], rows)
