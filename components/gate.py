"""Decide whether the winner may be packaged, and say why."""

import json
from pathlib import Path
from typing import Any

from adrec import config
from adrec.files import new_file


def run(*, metrics: Path, gate: config.Gate, verdict: Path) -> bool:
    """Hold the metrics of the winner against every bound; write the verdict and return whether all are passed."""
    measured = json.loads(metrics.read_text())
    reasons = judge(measured, gate)
    accepted = all(reason["passed"] for reason in reasons)
    answer = {
        "accepted": accepted,
        "reasons": reasons,
        "candidate": measured["winner"],
        "champion": "champion" in measured["models"],
        "data_hash": measured["data_hash"],
    }
    with new_file(verdict) as unfinished:
        unfinished.write_text(json.dumps(answer, indent=2) + "\n")
    return accepted


def judge(measured: dict[str, Any], gate: config.Gate) -> list[dict[str, Any]]:
    """One reason for each bound: minimum, distance above the baseline, distance below the champion.

    Raises:
        ValueError: a bound names a metric that was not measured.
    """
    models = measured["models"]
    candidate = models[measured["winner"]]
    reasons = [_reason(candidate, metric, bound, "the minimum") for metric, bound in gate.minimum.items()]
    for metric, margin in gate.margin.items():
        bound = _value(models[gate.baseline], metric) + margin
        reasons.append(_reason(candidate, metric, bound, f"{gate.baseline} plus {margin:g}"))
    for metric, tolerance in gate.tolerance.items() if "champion" in models else ():
        bound = _value(models["champion"], metric) - tolerance
        reasons.append(_reason(candidate, metric, bound, f"the champion minus {tolerance:g}"))
    return reasons


def _reason(candidate: dict[str, float], metric: str, bound: float, meaning: str) -> dict[str, Any]:
    value = _value(candidate, metric)
    passed = value >= bound
    sentence = f"{metric} {value:.4f} {'reaches' if passed else 'is below'} {bound:.4f}, {meaning}"
    return {"metric": metric, "value": value, "bound": bound, "passed": passed, "sentence": sentence}


def _value(metrics: dict[str, float], metric: str) -> float:
    if metric not in metrics:
        raise ValueError(f"params: gate names {metric}, but evaluate.cutoffs measured only {', '.join(metrics)}")
    return metrics[metric]
