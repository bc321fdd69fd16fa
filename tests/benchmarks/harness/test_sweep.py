"""Many runs: each once, in an order that fills the table early."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adrec import config
from adrec.data.dataset import Dataset
from benchmarks.harness import protocol
from benchmarks.harness.datasets import data_hash
from benchmarks.harness.sweep import Sweep, command_line

MODEL = {"dimension": 16, "heads": 2, "max_length": 12, "device": "cpu", "diffusion_steps": 4}


@pytest.fixture
def sweep(params: dict[str, config.Section], tmp_path: Path) -> Sweep:
    recipes = [protocol.adrec("adrec", params, **MODEL), protocol.stage_one("stage-1", params, **MODEL)]
    short = [protocol.shortened(recipe, 1) for recipe in recipes]
    return Sweep(short, ["one", "two"], [2025, 2026], tmp_path / "results", tmp_path / "cache")


@pytest.fixture
def read(tiny_dataset: Path) -> Callable[[str], Dataset]:
    def read(name: str) -> Dataset:
        data = Dataset.read(tiny_dataset)
        return replace(data, about={"data_hash": data_hash(data.histories) + name})

    return read


def test_seeds_are_the_outer_loop(sweep: Sweep) -> None:
    order = [(run.seed, run.dataset, run.recipe) for _, run in sweep]
    assert order[:4] == [(2025, d, r) for d in ("one", "two") for r in ("adrec-1-epochs", "stage-1-1-epochs")]
    assert {seed for seed, _, _ in order[4:]} == {2026}


def test_a_second_call_trains_nothing(sweep: Sweep, read: Callable[[str], Dataset], tmp_path: Path) -> None:
    sweep.finish(read)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.json")}
    assert len(before) == 8 + 4  # runs, and first stages that the two recipes share
    sweep.finish(read)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.json")} == before
    figures = sweep.figures()
    assert {tuple(by_seed) for by_seed in figures.values()} == {(2025, 2026)}
    hits = [figures["one", "adrec-1-epochs"][seed]["metrics"]["HR@20"] for seed in (2025, 2026)]
    assert hits[0] != hits[1]


def test_only_what_is_missing_is_run_and_gives_the_same_figures(
    sweep: Sweep, read: Callable[[str], Dataset], tmp_path: Path
) -> None:
    sweep = replace(sweep, datasets=["one"], seeds=[2025])
    sweep.finish(read)
    paths = {recipe.network: run.path(sweep.folder) for recipe, run in sweep}
    before, kept = json.loads(paths["adrec"].read_text()), paths["sasrec"].stat().st_mtime_ns
    paths["adrec"].unlink()
    sweep.finish(read)
    assert paths["sasrec"].stat().st_mtime_ns == kept
    assert json.loads(paths["adrec"].read_text())["metrics"] == before["metrics"]


def test_what_was_finished_in_the_meantime_is_not_run_again(
    sweep: Sweep, read: Callable[[str], Dataset], capsys: pytest.CaptureFixture[str]
) -> None:
    replace(sweep, datasets=["one", "one"], seeds=[2025]).finish(read)
    assert capsys.readouterr().out.count("one stage-1-1-epochs seed 2025: HR@20") == 1


def test_a_result_of_a_recipe_that_was_changed_since_is_refused(sweep: Sweep, read: Callable[[str], Dataset]) -> None:
    sweep = replace(sweep, datasets=["one"], seeds=[2025], recipes=sweep.recipes[1:])
    sweep.finish(read)
    recipe = sweep.recipes[0]
    changed = replace(sweep, recipes=[replace(recipe, first=replace(recipe.first, dropout=0.5))])
    for action in (changed.figures, lambda: changed.finish(read)):
        with pytest.raises(ValueError, match=r"another configuration of stage-1-1-epochs \(first\.dropout\)"):
            action()


def test_an_option_added_later_leaves_results_valid_at_the_value_they_were_made_with(
    sweep: Sweep, read: Callable[[str], Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = sweep.recipes[0]
    monkeypatch.setattr(protocol, "SINCE", {"dropout": recipe.model.dropout})
    assert all("dropout" not in recipe.configuration()[name] for name in ("first", "model"))
    changed = replace(recipe, model=replace(recipe.model, dropout=0.5))
    assert changed.configuration()["model"]["dropout"] == 0.5


def test_a_run_that_diverges_is_told_of_and_the_others_go_on(
    sweep: Sweep, read: Callable[[str], Dataset], capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = sweep.recipes[1]
    wild = replace(recipe, name="wild", pretrain=replace(recipe.pretrain, learning_rate=1e30))
    sweep = replace(sweep, recipes=[wild, recipe], datasets=["one"], seeds=[2025])
    sweep.finish(read)
    assert "one wild seed 2025: a score is not finite" in capsys.readouterr().out
    assert [list(by_seed) for by_seed in sweep.figures().values()] == [[], [2025]]


def test_the_command_line_knows_the_datasets() -> None:
    parser = command_line("", [], chosen=["baby"], seeds=3)
    assert parser.parse_args([]).datasets == ["baby"]
    with pytest.raises(SystemExit):
        parser.parse_args(["--datasets", "yelp"])
