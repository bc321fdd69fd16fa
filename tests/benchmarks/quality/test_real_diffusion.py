"""ADRec against real diffusion: what is measured of a run, and the tables and the picture of all."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from adrec import config
from adrec.data.dataset import Dataset
from adrec.training.trainer import Epoch
from benchmarks.harness import protocol
from benchmarks.harness.datasets import data_hash
from benchmarks.harness.runs import differing
from benchmarks.quality import sampling
from benchmarks.quality.real_diffusion import ADREC, by_title, perform, recipes, write

MODEL = {"dimension": 16, "heads": 2, "max_length": 12, "device": "cpu", "diffusion_steps": 8, "schedule": "linear"}


def test_the_recipes_differ_in_the_architecture_after_stage_1_alone(params: dict[str, config.Section]) -> None:
    base, *others = (recipe.configuration() for recipe in recipes(params).values())
    for other in others:
        changed = differing(base, other)
        assert changed
        assert {name.split(".")[0] for name in changed} == {"model"}


def watch(stage: str, epoch: Epoch) -> None:
    """Nobody is told."""


@pytest.fixture(scope="module")
def figures(
    params: dict[str, config.Section], tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """Of each recipe's network after an epoch."""
    cache = tmp_path_factory.mktemp("cache")
    data = Dataset.read(tiny_dataset)
    data = replace(data, about={"data_hash": data_hash(data.histories)})
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "FITTED_ON", 1)
        for title, recipe in recipes(params).items():
            small = replace(
                recipe, first=replace(recipe.first, **MODEL), model=replace(recipe.model, **MODEL), name=recipe.name
            )
            short = replace(protocol.shortened(small, 1), name=recipe.name)
            found[title] = perform(short, data, 2025, watch, cache)
            kept = {file: file.stat().st_mtime_ns for file in cache.rglob("*")}
            assert perform(short, data, 2025, watch, cache) == found[title]
            assert {file: file.stat().st_mtime_ns for file in cache.rglob("*")} == kept  # trained once
    return found


def test_a_run_has_every_figure_and_the_exact_denoiser_of_adrec(figures: dict[str, dict[str, Any]]) -> None:
    assert [("exact" in run) for run in figures.values()] == [True, False, False]
    for run in (*figures.values(), figures["ADRec"]["exact"]):
        assert list(run["by_steps"]) == ["1", "2", "4", "8"]
        assert list(run["by_draws"]) == ["8"]
        assert list(run["by_draws"]["8"]["ranking"]) == ["1", "4", "16"]
        assert run["by_steps"]["1"]["as_in_one"] == 1
        assert run["by_steps"]["8"]["HR@20"] == run["by_draws"]["8"]["ranking"]["1"]["HR@20"]
        assert 0 < run["by_draws"]["8"]["diversity"]["coverage"] <= 1
    adrec = figures["ADRec"]
    assert adrec["exact"]["by_steps"]["1"]["HR@20"] == pytest.approx(adrec["by_steps"]["1"]["HR@20"], abs=0.03)
    assert adrec["exact"]["by_level"]["0"]["mse"] < 0.1 < adrec["exact"]["by_level"]["7"]["mse"]


def test_the_tables_and_the_picture_show_all_that_has_been_run(
    figures: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    sweep = {("ml-100k", title): {2025: run, 2026: run} for title, run in figures.items()}
    sweep["ml-100k", "learned denoiser"] = {}
    found = by_title(sweep, {title: title for title in figures})
    assert list(found["ml-100k"])[-1] == "ADRec, exact denoiser"
    tables, values, picture = write(found, tmp_path)
    text = tables.read_text()
    assert "learned denoiser" not in text  # not run
    hit = 100 * figures["posterior denoiser"]["by_steps"]["4"]["HR@20"]
    assert f"{hit:.2f} ± 0.00 (2)" in text
    assert json.loads(values.read_text())["ml-100k"]["ADRec"][0]["by_steps"] == figures["ADRec"]["by_steps"]
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")  # noqa: S314 (our own)


def test_the_faithful_recipe_is_that_of_the_paper(params: dict[str, config.Section]) -> None:
    assert recipes(params)["ADRec"] == protocol.adrec(ADREC, params)
