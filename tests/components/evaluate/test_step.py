"""The evaluation: who is measured, who wins, and the champion's way through its own catalogue."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from adrec.data.catalogue import Catalogue
from adrec.data.dataset import Dataset
from adrec.data.histories import Histories
from adrec.inference import Recommender
from adrec.training.checkpoint import Checkpoint
from components.evaluate import report
from components.evaluate import step as evaluate


@pytest.fixture(scope="module")
def metrics(tiny_metrics: Path) -> dict:
    return json.loads(tiny_metrics.read_text())


def test_the_report_compares_popularity_both_stages_and_the_oracle(metrics: dict) -> None:
    assert list(metrics["models"]) == ["popularity", "sasrec", "adrec", "oracle"]
    for values in metrics["models"].values():
        assert list(values) == ["HR@5", "NDCG@5", "HR@10", "NDCG@10", "HR@20", "NDCG@20"]


def test_every_interval_holds_its_mean(metrics: dict) -> None:
    for name, values in metrics["models"].items():
        for metric, value in values.items():
            low, high = metrics["confidence"][name][metric]
            assert low <= value <= high


def test_the_page_says_plainly_what_diffusion_adds(metrics: dict, tiny_run: Path) -> None:
    for metric, found in metrics["adrec_minus_sasrec"].items():
        assert found["mean"] == pytest.approx(metrics["models"]["adrec"][metric] - metrics["models"]["sasrec"][metric])
        assert found["low"] <= found["mean"] <= found["high"]
    figures = "the difference is {mean:+.2f} points, its 95 % interval {low:+.2f} to {high:+.2f}."
    points = {name: 100 * value for name, value in metrics["adrec_minus_sasrec"]["NDCG@20"].items()}
    assert figures.format(**points) in (tiny_run / "report.html").read_text()


@pytest.mark.parametrize(
    ("interval", "words", "figures"),
    [
        ((0.01, 0.02, 0.03), "is better than", "+2.00 points, its 95 % interval +1.00 to +3.00."),
        ((-0.03, -0.02, -0.01), "is worse than", "-2.00 points, its 95 % interval -3.00 to -1.00."),
        ((-0.01, 0.02, 0.05), "is not told apart from", "+2.00 points, its 95 % interval -1.00 to +5.00."),
        ((-0.05, -0.02, 0.01), "is not told apart from", "-2.00 points, its 95 % interval -5.00 to +1.00."),
    ],
)
def test_one_model_is_called_better_only_where_the_whole_interval_says_so(
    interval: tuple[float, ...], words: str, figures: str
) -> None:
    measured = {
        "winner": "sasrec",
        "models": {"sasrec": {"HR@20": 0.3, "NDCG@20": 0.1}},
        "adrec_minus_sasrec": {"NDCG@20": dict(zip(("low", "mean", "high"), interval, strict=True))},
    }
    assert report.diffusion(measured) == (
        f"By NDCG@20 ADRec {words} its first stage, SASRec, on these users: the difference is {figures}"
    )


def test_slices_of_one_kind_cover_every_user_once(metrics: dict) -> None:
    users = {title: slice_["users"] for title, slice_ in metrics["slices"].items()}
    assert sum(n for title, n in users.items() if title.startswith("history")) == metrics["users"]
    assert sum(n for title, n in users.items() if title.startswith("target")) == metrics["users"]


def test_the_winner_is_the_candidate_with_the_better_validation(tiny_run: Path, metrics: dict) -> None:
    best = {}
    for name, folder, stage in (("sasrec", "pretrained", "pretrain"), ("adrec", "finetuned", "finetune")):
        log = json.loads((tiny_run / folder / "checkpoint.json").read_text())["log"][stage]
        best[name] = sorted(epoch["validation"]["NDCG@20"] for epoch in log)[-1]
    assert metrics["winner"] == ("adrec" if best["adrec"] > best["sasrec"] else "sasrec")
    assert Recommender.load(tiny_run / "winner").about["stage"] == metrics["stage"]


def test_the_page_needs_nothing_from_elsewhere_and_names_every_model(tiny_run: Path) -> None:
    page = (tiny_run / "report.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!#|data:)', page)
    for name in ("Popularity", "SASRec", "ADRec", "Oracle"):
        assert name in page
    assert page.count("<svg") == 6


def test_a_champion_is_measured_like_the_winner_it_once_was(
    tiny: dict, tiny_dataset: Path, tiny_run: Path, metrics: dict, tmp_path: Path
) -> None:
    evaluate.run(
        dataset=tiny_dataset,
        pretrained=tiny_run / "pretrained",
        finetuned=tiny_run / "finetuned",
        evaluate=replace(tiny["evaluate"], champion=str(tiny_run / "winner")),
        winner=tmp_path / "winner",
        metrics=tmp_path / "metrics.json",
        report=tmp_path / "report.html",
    )
    models = json.loads((tmp_path / "metrics.json").read_text())["models"]
    assert models["champion"] == models[metrics["winner"]] == metrics["models"][metrics["winner"]]


def test_a_champion_of_another_catalogue_is_asked_in_its_own_numbers(tiny_dataset: Path, tiny_winner: Path) -> None:
    """The same users and items, numbered backwards and with a newcomer: ranks stay, the newcomer is a miss."""
    data = Dataset.read(tiny_dataset)
    backwards = Catalogue(("newcomer", *reversed(data.catalogue.items)))
    renumbered = data.histories.renumbered(evaluate.numbering(data.catalogue, backwards))
    straight = evaluate.champion_ranks(tiny_winner, data, exclude_history=False)
    turned = evaluate.champion_ranks(tiny_winner, Dataset(backwards, renumbered, data.about), exclude_history=False)
    assert (straight == turned).all()
    newcomers = renumbered.items.copy()
    newcomers[renumbered.offsets[1] - 1] = 1  # the first user's target
    changed = replace(renumbered, items=newcomers)
    missed = evaluate.champion_ranks(tiny_winner, Dataset(backwards, changed, data.about), exclude_history=False)
    assert missed[0] == len(backwards)
    assert (missed[1:] == turned[1:]).all()


def test_a_folder_that_is_no_champion_is_named(tiny_dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no checkpoint"):
        evaluate.champion_ranks(tmp_path, Dataset.read(tiny_dataset), exclude_history=False)


def test_the_model_folder_counts_training_interactions_only(tiny_dataset: Path, tiny_winner: Path) -> None:
    data = Dataset.read(tiny_dataset)
    counts = pl.read_parquet(tiny_winner / "popularity.parquet")["count"].to_numpy()
    assert counts.sum() == len(data.histories.items) - 2 * len(data.histories)
    assert np.array_equal(counts, np.bincount(data.training.items, minlength=len(counts) + 1)[1:])


def test_a_candidate_is_chosen_by_its_best_epoch_not_its_last() -> None:
    values = (None, 0.1, 0.3, None, 0.2)
    log = [{"validation": None if value is None else {"NDCG@20": value, "HR@20": 0.9}} for value in values]
    before = [{"validation": {"NDCG@20": 0.8}}]
    about = {"stage": "finetune", "log": {"pretrain": before, "finetune": log}}
    assert evaluate.validation_value(about) == 0.3


def test_excluding_the_history_holds_for_networks_too(tiny: dict, tiny_dataset: Path, tiny_run: Path) -> None:
    data = Dataset.read(tiny_dataset)
    histories, targets = data.examples("test")
    new = np.array([target not in history for history, target in zip(histories, targets, strict=True)])
    candidates = {"adrec": Checkpoint.read(tiny_run / "finetuned")}
    mask_seen, candidate_mask = (
        evaluate.candidate_ranks(data, candidates, replace(tiny["evaluate"], exclude_history=excluded))["adrec"][new]
        for excluded in (True, False)
    )
    assert (mask_seen <= candidate_mask).all()
    assert (mask_seen < candidate_mask).any()
    champion = evaluate.champion_ranks(tiny_run / "winner", data, exclude_history=True)[new]
    assert (champion < evaluate.champion_ranks(tiny_run / "winner", data, exclude_history=False)[new]).any()


def test_the_head_is_the_fifth_of_the_items_with_the_most_training_interactions() -> None:
    """Ten users, each with an item of their own: user n, whom item n has, trains on n interactions with it."""
    lengths = np.arange(1, 11) + 2
    items = np.repeat(np.arange(1, 11), lengths).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    histories = Histories(tuple(f"user {n}" for n in range(1, 11)), items, np.arange(len(items)), offsets)
    slices = evaluate.user_slices(Dataset(Catalogue(tuple("abcdefghij")), histories, {}))
    assert slices["target among the top fifth of items"].tolist() == [False] * 8 + [True] * 2
    assert slices["target in the tail"].tolist() == [True] * 8 + [False] * 2


def test_a_user_of_whom_the_champion_knows_nothing_is_a_miss(tiny_dataset: Path, tiny_winner: Path) -> None:
    data = Dataset.read(tiny_dataset)
    larger = Catalogue((*data.catalogue.items, "newcomer"))
    items = data.histories.items.copy()
    items[: data.histories.offsets[1] - 1] = len(larger)  # all of the first user's but the target
    changed = Dataset(larger, replace(data.histories, items=items), data.about)
    ranks = evaluate.champion_ranks(tiny_winner, changed, exclude_history=False)
    assert ranks[0] == len(larger)
    assert (ranks[1:] == evaluate.champion_ranks(tiny_winner, data, exclude_history=False)[1:]).all()
