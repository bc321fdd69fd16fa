"""Measure the candidates beside the baselines on the test targets, choose the winner, and draw the report.

The winner is chosen by the validation metric; the test targets only measure.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from adrec import config
from adrec.data.catalogue import Catalogue
from adrec.data.dataset import Dataset
from adrec.data.histories import Histories
from adrec.data.splits import leakage
from adrec.files import new_file
from components.evaluate import reverse_steps


def run(
    *,
    dataset: Path,
    pretrained: Path,
    finetuned: Path,
    evaluate: config.Evaluate,
    winner: Path,
    metrics: Path,
    report: Path,
) -> None:
    """Write the winner's model folder, the metrics (JSON) and the report (one HTML page)."""
    from adrec.inference import write_model
    from adrec.training.checkpoint import Checkpoint
    from components.evaluate import embeddings
    from components.evaluate.report import page_of

    data = Dataset.read(dataset)
    labels = embeddings.labels_of(data, evaluate.item_categories)
    candidates = {"sasrec": Checkpoint.read(pretrained), "adrec": Checkpoint.read(finetuned)}
    chosen = max(candidates, key=lambda name: validation_value(candidates[name].about))
    ranks = {**baseline_ranks(data, evaluate.exclude_history), **candidate_ranks(data, candidates, evaluate)}
    if evaluate.champion:
        ranks["champion"] = champion_ranks(Path(evaluate.champion), data, evaluate.exclude_history)
    if "demo" in data.about:
        ranks["oracle"] = oracle_ranks(data, evaluate.exclude_history)
    measured = measure(data, ranks, evaluate)
    measured |= {"winner": chosen, "stage": candidates[chosen].about["stage"]}
    tables = embeddings.tables_of(candidates)
    measured |= embeddings.measure(tables, labels)
    measured["reverse_steps"] = fewer_steps(data, candidates["adrec"], evaluate)
    write_model(winner, {"sasrec": pretrained, "adrec": finetuned}[chosen], data)
    with new_file(metrics) as unfinished:
        unfinished.write_text(json.dumps(measured, indent=2) + "\n")
    with new_file(report) as unfinished:
        unfinished.write_text(page_of(measured, ranks, data, candidates["adrec"].about["log"], tables))


def validation_value(about: dict[str, Any]) -> float:
    """The selection metric of a checkpoint's best epoch."""
    from adrec.training.trainer import SELECTION_METRIC

    log = about["log"][about["stage"]]
    return max(epoch["validation"][SELECTION_METRIC] for epoch in log if epoch["validation"])


def baseline_ranks(data: Dataset, exclude_history: bool) -> dict[str, np.ndarray]:
    """Ranks of the test targets by popularity."""
    from adrec.evaluation.ranking import rank_targets
    from adrec.recommenders.popularity import count, popularity_scorer

    scorer = popularity_scorer(count(data.training, len(data.catalogue)))
    return {"popularity": rank_targets(scorer, *data.examples("test"), exclude_history)}


def oracle_ranks(data: Dataset, exclude_history: bool) -> np.ndarray:
    """Ranks of the test targets by the true probabilities of the demo world that `data` came from."""
    from adrec.data import demo
    from adrec.evaluation.ranking import rank_targets
    from adrec.recommenders.oracle import oracle_scorer

    world = demo.World.create(data.about["demo"]["items"], data.about["demo"]["seed"])
    return rank_targets(oracle_scorer(world, data.catalogue), *data.examples("test"), exclude_history)


def candidate_ranks(data: Dataset, candidates: dict[str, Any], evaluate: config.Evaluate) -> dict[str, np.ndarray]:
    """Ranks of the test targets by each candidate checkpoint."""
    histories, targets = data.examples("test")
    return {
        name: _network_ranks(candidate.network(), candidate.about, histories, targets, evaluate.exclude_history)
        for name, candidate in candidates.items()
    }


def fewer_steps(data: Dataset, candidate: Any, evaluate: config.Evaluate) -> dict[str, Any]:
    """What is left of the answers of ADRec's checkpoint at fewer reverse steps."""
    network = candidate.network()
    model = candidate.about["config"]["model"]
    steps = model["reverse_steps"] or model["diffusion_steps"]
    return reverse_steps.measure(network, lambda network: _scorer(network, candidate.about), steps, data, evaluate)


def champion_ranks(folder: Path, data: Dataset, exclude_history: bool) -> np.ndarray:
    """Ranks of the same test targets by the model in service, through its own catalogue.

    Items that it does not know fall out of the histories; a target that it does not know, or a user of whom it knows
    nothing, is a miss: the rank is the size of the catalogue.
    """
    from adrec.inference import Recommender

    champion = Recommender.load(folder)
    histories, targets = data.examples("test")
    numbers = numbering(data.catalogue, champion.catalogue)
    seen = histories.renumbered(numbers)
    wanted = numbers[targets]
    answerable = (wanted > 0) & (seen.lengths > 0)
    ranks = np.full(len(targets), len(data.catalogue), dtype=np.int64)
    users = np.flatnonzero(answerable)
    ranks[users] = _network_ranks(champion.network, champion.about, seen.only(users), wanted[users], exclude_history)
    return ranks


def numbering(source: Catalogue, target: Catalogue) -> np.ndarray:
    """The number in `target` of each item number of `source`, int32 [V + 1]; 0 where `target` does not have it."""
    return np.concatenate([np.zeros(1, dtype=np.int32), target.numbers(source.items)])


def measure(data: Dataset, ranks: dict[str, np.ndarray], evaluate: config.Evaluate) -> dict[str, Any]:
    """Means, confidence intervals and slices of every model, as plain values."""
    from adrec.evaluation.metrics import confidence, means, per_user

    slices = user_slices(data)
    intervals = {
        name: {
            metric: confidence(values, evaluate.bootstrap)
            for metric, values in per_user(rank, evaluate.cutoffs).items()
        }
        for name, rank in ranks.items()
    }
    return {
        "data_hash": data.about["data_hash"],
        "data_tag": data.about["data_tag"],
        "catalogue_hash": data.about["catalogue_hash"],
        "users": len(ranks["popularity"]),
        "items": len(data.catalogue),
        "protocol": {
            "split": data.split.title,
            "leakage": leakage(data.training.timestamps, data.target_times("test")),
            "candidates": "all items",
            "exclude_history": evaluate.exclude_history,
        },
        "models": {name: means(rank, evaluate.cutoffs) for name, rank in ranks.items()},
        "confidence": intervals,
        "adrec_minus_sasrec": paired_differences(ranks["adrec"], ranks["sasrec"], evaluate),
        "slices": {
            title: {
                "users": int(chosen.sum()),
                **{name: means(rank[chosen], evaluate.cutoffs) for name, rank in ranks.items()},
            }
            for title, chosen in slices.items()
            if chosen.any()
        },
    }


def paired_differences(ours: np.ndarray, theirs: np.ndarray, evaluate: config.Evaluate) -> dict[str, dict[str, float]]:
    """Mean difference over users for every metric, with the bounds of its bootstrap interval."""
    from adrec.evaluation.metrics import confidence, per_user

    differences = {
        metric: values - per_user(theirs, evaluate.cutoffs)[metric]
        for metric, values in per_user(ours, evaluate.cutoffs).items()
    }
    return {
        metric: dict(
            zip(("mean", "low", "high"), (float(values.mean()), *confidence(values, evaluate.bootstrap)), strict=True)
        )
        for metric, values in differences.items()
    }


def user_slices(data: Dataset) -> dict[str, np.ndarray]:
    """Groups of test users (bool [U]) by the length of the history and by the popularity of the target."""
    from adrec.recommenders.popularity import count

    histories, targets = data.examples("test")
    short, long = np.quantile(histories.lengths, [1 / 3, 2 / 3])
    popularity = count(data.training, len(data.catalogue))
    head = np.zeros(len(data.catalogue), dtype=bool)
    head[np.argsort(-popularity, kind="stable")[: max(1, len(head) // 5)]] = True
    return {
        f"history of at most {short:.0f}": histories.lengths <= short,
        f"history of {short + 1:.0f} to {long:.0f}": (histories.lengths > short) & (histories.lengths <= long),
        f"history of more than {long:.0f}": histories.lengths > long,
        "target among the top fifth of items": head[targets - 1],
        "target in the tail": ~head[targets - 1],
    }


def _network_ranks(
    network: Any, about: dict[str, Any], histories: Histories, targets: np.ndarray, exclude_history: bool
) -> np.ndarray:
    from adrec.evaluation.ranking import rank_targets

    return rank_targets(_scorer(network, about), histories, targets, exclude_history)


def _scorer(network: Any, about: dict[str, Any]) -> Any:
    """Scores by `network`, which goes to the device of its configuration, or to another where that is missing here."""
    from adrec.evaluation.ranking import network_scorer
    from adrec.training.stages import choose_device

    model = about["config"]["model"]
    device = choose_device("auto" if model["device"] == "cuda" else model["device"])
    return network_scorer(network.to(device), model["max_length"], device)
