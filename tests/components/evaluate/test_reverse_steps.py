"""Fewer reverse steps: what the evaluation says of them, and when the service may use them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adrec.config import Section
from adrec.data.dataset import Dataset
from adrec.training.checkpoint import Checkpoint
from components.evaluate import reverse_steps
from components.evaluate import step as evaluate


def metrics(overlap: float, winner: str = "adrec") -> dict[str, Any]:
    by_steps = {"32": {"overlap": 1.0, "HR@20": 0.2}, "8": {"overlap": overlap, "HR@20": 0.2}}
    return {"winner": winner, "reverse_steps": {"all": 32, "cutoff": 20, "by_steps": by_steps}}


def test_all_steps_give_the_candidates_own_figures_and_agree_with_themselves(
    tiny: dict[str, Section], tiny_metrics: Path
) -> None:
    measured = json.loads(tiny_metrics.read_text())
    found = measured["reverse_steps"]
    assert found["all"] == tiny["model"].as_dict()["diffusion_steps"]
    assert list(found["by_steps"]) == ["4", "1"]  # 8 is no fewer than the tiny world's 4
    assert found["by_steps"]["4"] == {"overlap": 1.0, **measured["models"]["adrec"]}
    assert 0 < found["by_steps"]["1"]["overlap"] <= 1


def test_the_page_says_how_many_items_stay(tiny_run: Path, tiny_metrics: Path) -> None:
    kept = 100 * json.loads(tiny_metrics.read_text())["reverse_steps"]["by_steps"]["1"]["overlap"]
    sentence = f"Of the 20 items that ADRec finds best by all 4 steps, it finds {kept:.2f} % by 1 step."
    assert sentence in (tiny_run / "report.html").read_text()


def test_each_number_of_steps_that_was_measured_is_told() -> None:
    measured = metrics(0.995)["reverse_steps"]
    told = "Of the 20 items that ADRec finds best by all 32 steps, it finds 99.50 % by 8 steps"
    assert reverse_steps.sentence(measured) == f"{told}."
    measured["by_steps"]["1"] = {"overlap": 0.5}
    assert reverse_steps.sentence(measured) == f"{told} and 50.00 % by 1 step."
    nothing = {"all": 4, "cutoff": 20, "by_steps": {"4": {"overlap": 1.0}}}
    assert reverse_steps.sentence(nothing) == "ADRec answers by 4 reverse steps; no fewer were measured."


def test_where_the_noise_counts_fewer_steps_change_the_answer(
    tiny: dict[str, Any], tiny_run: Path, tiny_dataset: Path
) -> None:
    """With the paper's lambda they do not; the measure must be able to tell."""
    candidate = Checkpoint.read(tiny_run / "finetuned")
    loud = replace(tiny["model"], conditioning_scale=1.0).as_dict()
    changed = replace(candidate, about={**candidate.about, "config": {**candidate.about["config"], "model": loud}})
    data = Dataset.read(tiny_dataset)
    quiet, noisy = (
        evaluate.fewer_steps(data, which, tiny["evaluate"])["by_steps"]["1"]["overlap"]
        for which in (candidate, changed)
    )
    assert noisy < quiet


@pytest.mark.parametrize(
    ("steps", "measured", "used", "reason"),
    [
        (0, metrics(0.5), 0, "all 32 steps are used"),
        (32, metrics(0.5), 0, "all 32 steps are used"),
        (8, metrics(0.995), 8, "8 steps are used: serve.steps = 8 keeps 0.9950 of the 20 best items"),
        (8, metrics(0.98), 0, "all 32 steps are used: serve.steps = 8 keeps 0.9800 of the 20 best items, below"),
        (2, metrics(1.0), 0, "all 32 steps are used: evaluate did not measure serve.steps = 2"),
        (8, metrics(1.0, winner="sasrec"), 0, "the winner, sasrec, runs no reverse process"),
    ],
)
def test_fewer_steps_are_used_only_where_the_measured_overlap_reaches_the_bound(
    tiny: dict[str, Any], steps: int, measured: dict[str, Any], used: int, reason: str
) -> None:
    found, told = reverse_steps.granted(replace(tiny["serve"], steps=steps, min_overlap=0.99), measured)
    assert found == used
    assert told.startswith(reason)
