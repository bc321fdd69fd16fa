"""What an ADRec is as a denoiser."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from adrec import config
from adrec.data.dataset import Dataset
from adrec.recommenders.adrec import ADRec
from benchmarks.quality.denoising import by_level, indices


@pytest.fixture(scope="module")
def data(tiny_dataset: Path) -> Dataset:
    return Dataset.read(tiny_dataset)


def measured(data: Dataset, model: config.Model, **changes: Any) -> dict[str, dict[str, float]]:
    torch.manual_seed(0)
    network = ADRec(replace(model, diffusion_steps=32, **changes), len(data.catalogue)).eval()
    return by_level(network, data, model.max_length, seed=1)


def test_five_levels_are_measured_from_the_least_noise_to_the_last() -> None:
    assert indices(32) == [0, 8, 16, 23, 31]
    assert indices(2) == [0, 1]


def test_a_network_that_hears_nothing_of_the_noise_does_not_depend_on_it(data: Dataset, tiny: dict[str, Any]) -> None:
    figures = measured(data, tiny["model"], conditioning_scale=0.0)
    assert {level["by_noise"] for level in figures.values()} == {level["by_level"] for level in figures.values()} == {0}
    assert len({level["mse"] for level in figures.values()}) == 1
    for level in figures.values():
        assert level["mse_rescaled"] <= min(level["mse"], level["mse_of_zero"])
        assert level["mse_of_constant"] <= level["mse_of_zero"]


def test_the_posterior_denoises_untrained(data: Dataset, tiny: dict[str, Any]) -> None:
    figures = measured(data, tiny["model"], latent="standardised", conditioning="gated_sum", estimate="posterior")
    least, last = figures["0"], figures["31"]
    assert least["mse"] < 0.3 * least["mse_of_zero"] < last["mse"]
    assert least["HR@20"] > 0.9 > last["HR@20"]
