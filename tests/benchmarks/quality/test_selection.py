"""Which epoch each rule would test."""

import json
from pathlib import Path

import pytest

from adrec import config
from benchmarks.harness.runs import differing
from benchmarks.harness.sweep import Figures
from benchmarks.quality import selection
from benchmarks.quality.selection import Tried


def tried(*values: tuple[float, float, float]) -> Tried:
    """Epochs 5, 10, … of these validation NDCG@20, validation HR@20 and test NDCG@20."""
    return [
        {"epoch": 5 * number, "validation": {"NDCG@20": ndcg, "HR@20": hit}, "test": {"NDCG@20": test, "HR@20": 0.5}}
        for number, (ndcg, hit, test) in enumerate(values, 1)
    ]


RISING_HITS = tried((0.3, 0.1, 0.7), (0.2, 0.2, 0.1), (0.1, 0.3, 0.2), (0.1, 0.4, 0.3), (0.4, 0.2, 0.9))


@pytest.mark.parametrize(("patience", "ndcg", "any_metric"), [(2, 0, 4), (4, 4, 4), (1, 0, 4)])
def test_a_rule_sees_an_epoch_only_if_its_patience_lasts(patience: int, ndcg: int, any_metric: int) -> None:
    assert selection.best_ndcg(RISING_HITS, patience) == ndcg
    assert selection.latest_to_improve_any(RISING_HITS, patience) == any_metric


def test_the_code_tests_a_later_epoch_that_improves_another_metric() -> None:
    assert selection.latest_to_improve_any(RISING_HITS[:4], 4) == 3
    assert selection.best_ndcg(RISING_HITS[:4], 4) == 0


def test_an_equal_value_is_no_improvement() -> None:
    assert selection.best_ndcg(tried((0.3, 0.1, 0.1), (0.3, 0.1, 0.2)), 4) == 0


def test_hindsight_is_above_every_rule() -> None:
    values = {name: RISING_HITS[rule(RISING_HITS)]["test"]["NDCG@20"] for name, rule in selection.RULES.items()}
    assert max(values.values()) == values["best test NDCG@20 (in hindsight)"] == 0.9


def test_the_table_names_recipe_and_epochs() -> None:
    found = {"ADRec": {2025: {"tried": RISING_HITS}, 2026: {"tried": RISING_HITS[:1]}}, "other": {}}
    rows = selection.table(selection.choices(found)).splitlines()
    assert rows[2] == "| ADRec | best validation NDCG@20 | 25, 5 | 50.00 ± 0.00 (2) | 80.00 ± 14.14 (2) |"
    assert rows[2 + len(selection.RULES)] == "| other | best validation NDCG@20 |  | not run | not run |"


def test_the_chosen_epochs_are_written_with_where_they_were_trained(tmp_path: Path) -> None:
    origin = {"date": "2026-01-02", "machine": "one", "torch": "2"}
    found: Figures = {("ml-100k", "adrec"): {2025: {**origin, "tried": RISING_HITS}}}
    tables, values = selection.write(found, {"adrec": "ADRec"}, tmp_path)
    assert tables.read_text().startswith("### ml-100k\n\n| recipe |")
    written = json.loads(values.read_text())
    assert written["machines"] == ["one"]
    assert written["ml-100k"]["ADRec"]["best validation NDCG@20"] == {
        "epoch": {"2025": 25},
        "HR@20": {"2025": 50},
        "NDCG@20": {"2025": 90},
    }


def test_all_three_changes_are_those_that_are_made_alone(params: dict[str, config.Section]) -> None:
    adrec, *alone, together = (recipe.configuration() for recipe in selection.recipes(params).values())
    changed = [set(differing(adrec, each)) for each in alone]
    assert all(changed)
    assert set(differing(adrec, together)) == set().union(*changed)
