"""The ablations: what differs from the original in which option, and the tables over what has been run."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from adrec import config
from benchmarks.harness.runs import differing
from benchmarks.harness.sweep import Figures
from benchmarks.quality import ablations
from benchmarks.quality.ablations import BASE, SCALES, recipes


def run(hit: float) -> dict:
    steps = {"HR@20": hit, "NDCG@20": hit / 2, "overlap": 0.5}
    return {
        **{"date": "2026-01-01", "machine": "one", "torch": "2"},
        "metrics": {"HR@20": hit, "NDCG@20": hit / 2},
        "reverse_steps": {"8": steps, "1": steps},
        "denoising": {"mse": 0.6, "mse_of_zero": 0.01},
    }


@pytest.fixture(scope="module")
def titles(params: dict[str, config.Section]) -> dict[str, str]:
    return {recipe.name: title for title, recipe in recipes(params).items()}


@pytest.fixture
def found(titles: dict[str, str]) -> Figures:
    found: Figures = {(dataset, name): {} for dataset in ("ml-100k", "baby") for name in titles}
    found["ml-100k", BASE] = {2025: run(0.20), 2026: run(0.24)}
    found["ml-100k", "without-warmup"] = {2025: run(0.19), 2026: run(0.21), 2027: run(0.9)}
    found["ml-100k", "scale-1"] = {2026: run(0.25)}
    return found


def test_every_variant_differs_from_the_original_and_from_the_others(params: dict[str, config.Section]) -> None:
    variants = list(recipes(params).values())
    assert variants[0].name == BASE
    assert len({recipe.name for recipe in variants}) == len(variants)
    outcomes = [recipe.configuration() for recipe in variants]
    assert all(one != other for place, one in enumerate(outcomes) for other in outcomes[:place])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("exact", ["warmup.freeze"]),
        ("scale-0", ["model.conditioning_scale"]),
        ("8-steps", ["model.diffusion_steps"]),
        ("without-mse", ["model.denoising_weight"]),
        ("without-encoder", ["model.encoder_blocks"]),
        ("masked", ["model.attention"]),
        ("positions", ["model.attention", "model.positions"]),
        ("no-positions-in-stage-1", ["first.attention", "first.positions"]),
        ("paper-text", ["first.positions", "model.attention", "warmup.freeze"]),
        ("float32", ["first.precision", "model.precision"]),
        ("pcgrad", ["finetune.gradients", "warmup.gradients"]),
    ],
)
def test_a_variant_differs_in_its_own_option_alone(
    params: dict[str, config.Section], name: str, options: list[str]
) -> None:
    by_name = {recipe.name: recipe for recipe in recipes(params).values()}
    assert differing(by_name[BASE].configuration(), by_name[name].configuration()) == options


def test_every_lambda_is_a_variant(params: dict[str, config.Section]) -> None:
    by_name = {recipe.name: recipe for recipe in recipes(params).values()}
    assert [by_name[name].model.conditioning_scale for name in SCALES.values()] == list(SCALES)


def test_differences_are_paired_by_seed(found: Figures, titles: dict[str, str]) -> None:
    lines = ablations.report(found, titles).splitlines()
    assert "| ADRec | 22.00 ± 2.83 (2) |  | 11.00 ± 1.41 (2) |  |" in lines
    # (19 - 20, 21 - 24): the third seed has no partner
    assert any(line.startswith("| without warm-up |") and "| -2.00 ± 1.41 (2) |" in line for line in lines)
    assert "| lambda = 1 | 25.00 (1) | +1.00 (1) | 12.50 (1) | +0.50 (1) |" in lines
    assert "| without pre-training | not run | not run | not run | not run |" in lines
    assert "| 1 | 1 | 12.50 | 12.50 | 12.50 | 50.00 | 50.00 | 0.6000 | 0.0100 |" in lines


def test_tables_values_and_picture_are_written(found: Figures, titles: dict[str, str], tmp_path: Path) -> None:
    ablations.write(found, titles, tmp_path)
    assert (tmp_path / "ablations.md").read_text() == ablations.report(found, titles) + "\n"
    written = json.loads((tmp_path / "ablations.json").read_text())
    assert (written["dates"], written["machines"]) == (["2026-01-01", "2026-01-01"], ["one"])
    values = written["ml-100k"]["without warm-up"]["HR@20"]
    assert values["differences"] == {"2025": pytest.approx(-1), "2026": pytest.approx(-3)}
    assert ElementTree.parse(tmp_path / "ablations.svg").getroot().tag.endswith("svg")  # noqa: S314 (our own)
    first = (tmp_path / "ablations.svg").read_bytes()
    ablations.write(found, titles, tmp_path)
    assert (tmp_path / "ablations.svg").read_bytes() == first
