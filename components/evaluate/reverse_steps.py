"""Whether ADRec may answer by fewer reverse steps than it has: `evaluate` measures it, `package` holds the bound."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from adrec.config import Evaluate, Serve
from adrec.data.dataset import Dataset

if TYPE_CHECKING:  # torch stays out of the steps that only read what was measured
    from adrec.recommenders.base import EmbeddingNetwork, Scorer

CUTOFF = 20  # items whose agreement is measured


def measure(
    network: "EmbeddingNetwork",
    scorer: Callable[["EmbeddingNetwork"], "Scorer"],
    steps: int,
    data: Dataset,
    evaluate: Evaluate,
) -> dict[str, Any]:
    """Metrics at all `steps` and at each fewer of `evaluate.steps`, and how many of the best items stay the same.

    Args:
        network: left at the last number of steps.
        scorer: what scores by a network as it is.
        steps: T.
        data: its test targets are ranked.
        evaluate: the protocol.
    """
    from adrec.evaluation.metrics import means, overlap
    from adrec.evaluation.ranking import rank_and_recommend

    examples = data.examples("test")
    found = {}
    for number in (steps, *(fewer for fewer in evaluate.steps if fewer < steps)):
        score = scorer(network.in_steps(number))
        found[number] = rank_and_recommend(score, *examples, evaluate.exclude_history, CUTOFF)
    _, reference_UK = found[steps]
    by_steps = {
        str(number): {"overlap": float(overlap(best_UK, reference_UK).mean()), **means(ranks, evaluate.cutoffs)}
        for number, (ranks, best_UK) in found.items()
    }
    return {"all": steps, "cutoff": CUTOFF, "by_steps": by_steps}


def sentence(measured: dict[str, Any]) -> str:
    """What `measure` found, in one sentence."""
    everything, cutoff = measured["all"], measured["cutoff"]
    fewer = {steps: found for steps, found in measured["by_steps"].items() if int(steps) < everything}
    if not fewer:
        return f"ADRec answers by {everything} reverse steps; no fewer were measured."
    findings = [f"{100 * found['overlap']:.2f} % by {_steps(int(steps))}" for steps, found in fewer.items()]
    return (
        f"Of the {cutoff} items that ADRec finds best by all {_steps(everything)}, it finds {' and '.join(findings)}."
    )


def granted(serve: Serve, metrics: dict[str, Any]) -> tuple[int, str]:
    """The number of reverse steps that the service uses, 0 for all, and a sentence that says why.

    Fewer are used only where the measured overlap reaches `serve.min_overlap`; all are always right.
    """
    if metrics["winner"] != "adrec":
        return 0, f"the winner, {metrics['winner']}, runs no reverse process"
    measured = metrics["reverse_steps"]
    everything = f"all {_steps(measured['all'])} are used"
    if serve.steps in (0, measured["all"]):
        return 0, everything
    if str(serve.steps) not in measured["by_steps"]:
        return 0, f"{everything}: evaluate did not measure serve.steps = {serve.steps}"
    overlap = measured["by_steps"][str(serve.steps)]["overlap"]
    found = f"serve.steps = {serve.steps} keeps {overlap:.4f} of the {measured['cutoff']} best items"
    if overlap < serve.min_overlap:
        return 0, f"{everything}: {found}, below serve.min_overlap = {serve.min_overlap}"
    return serve.steps, f"{_steps(serve.steps)} are used: {found}, at least serve.min_overlap = {serve.min_overlap}"


def _steps(number: int) -> str:
    return f"{number} step{'s' if number > 1 else ''}"
