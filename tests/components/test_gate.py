"""The gate: which numbers pass, and what the verdict says of them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from adrec import config
from components import gate

MODELS = {
    "popularity": {"HR@20": 0.15, "NDCG@20": 0.06},
    "sasrec": {"HR@20": 0.30, "NDCG@20": 0.12},
    "adrec": {"HR@20": 0.32, "NDCG@20": 0.13},
}


@pytest.fixture
def bounds(params: dict) -> config.Gate:
    return params["gate"]


def decide(models: dict, bounds: config.Gate, folder: Path) -> dict:
    metrics = folder / "metrics.json"
    metrics.write_text(json.dumps({"winner": "adrec", "data_hash": "abc", "models": models}))
    accepted = gate.run(metrics=metrics, gate=bounds, verdict=folder / "verdict.json")
    verdict = json.loads((folder / "verdict.json").read_text())
    assert verdict["accepted"] is accepted
    return verdict


def failed(verdict: dict) -> list[str]:
    return [reason["sentence"] for reason in verdict["reasons"] if not reason["passed"]]


def test_a_model_above_every_bound_is_accepted(bounds: config.Gate, tmp_path: Path) -> None:
    verdict = decide(MODELS, bounds, tmp_path)
    assert verdict["accepted"]
    assert verdict["candidate"] == "adrec"
    assert verdict["data_hash"] == "abc"
    assert len(verdict["reasons"]) == 4


def test_a_model_below_the_minimum_is_rejected_with_metric_value_and_bound(bounds: config.Gate, tmp_path: Path) -> None:
    verdict = decide(MODELS, replace(bounds, minimum={"HR@20": 0.5}), tmp_path)
    assert failed(verdict) == ["HR@20 0.3200 is below 0.5000, the minimum"]


def test_a_model_no_better_than_popularity_is_rejected(bounds: config.Gate, tmp_path: Path) -> None:
    verdict = decide({**MODELS, "adrec": {"HR@20": 0.14, "NDCG@20": 0.07}}, bounds, tmp_path)
    assert failed(verdict) == ["HR@20 0.1400 is below 0.1500, popularity plus 0"]


@pytest.mark.parametrize(("tolerance", "accepted"), [(0.0, False), (0.02, True)])
def test_a_champion_may_be_missed_by_the_tolerance_only(
    bounds: config.Gate, tmp_path: Path, tolerance: float, accepted: bool
) -> None:
    models = {**MODELS, "champion": {"HR@20": 0.335, "NDCG@20": 0.13}}
    verdict = decide(models, replace(bounds, tolerance={"HR@20": tolerance}), tmp_path)
    assert verdict["accepted"] is accepted
    assert verdict["champion"]


def test_a_model_exactly_at_a_bound_passes(bounds: config.Gate, tmp_path: Path) -> None:
    assert decide(MODELS, replace(bounds, minimum={"HR@20": 0.32}), tmp_path)["accepted"]


def test_a_bound_on_a_metric_that_was_not_measured_is_refused(bounds: config.Gate, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"gate names HR@7, but evaluate\.cutoffs measured only HR@20, NDCG@20"):
        decide(MODELS, replace(bounds, minimum={"HR@7": 0.1}), tmp_path)
    assert not (tmp_path / "verdict.json").exists()


def test_a_model_must_beat_the_baseline_by_the_margin(bounds: config.Gate, tmp_path: Path) -> None:
    verdict = decide(MODELS, replace(bounds, margin={"HR@20": 0.2}), tmp_path)
    assert failed(verdict) == ["HR@20 0.3200 is below 0.3500, popularity plus 0.2"]
