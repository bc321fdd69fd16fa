"""The denoiser that every ranker is."""

import numpy as np
import pytest
import torch

from adrec.diffusion.noise_schedules import truncated_linear
from adrec.diffusion.process import Diffusion
from benchmarks.quality.exact import ExactDenoiser
from benchmarks.quality.sampling import Answers

USERS, ITEMS, DIMENSION = 60, 12, 16


@pytest.fixture
def exact() -> ExactDenoiser:
    generator = torch.Generator().manual_seed(0)
    scores_UV = 1.5 * torch.randn(1, USERS, ITEMS, generator=generator)
    targets_U = np.random.default_rng(0).integers(1, ITEMS + 1, size=USERS)
    vectors_VD = torch.randn(ITEMS, DIMENSION, generator=generator)
    return ExactDenoiser({"test": Answers(scores_UV, targets_U)}, vectors_VD, Diffusion(truncated_linear(32)))


def test_one_step_ranks_as_the_ranker(exact: ExactDenoiser) -> None:
    prior, answers = exact.asked["test"], exact.ask("test", 1, 1)
    assert answers.ranked(1)["HR@20"] == prior.ranked(1)["HR@20"] == 1  # the catalogue is smaller
    torch.testing.assert_close(answers.draws_KUV, prior.draws_KUV, atol=0.05, rtol=0)


def test_many_steps_draw_items_from_the_rankers_softmax(exact: ExactDenoiser) -> None:
    draws_KUV = exact.ask("test", 32, 400).draws_KUV
    settled = torch.softmax(draws_KUV, dim=-1).amax(dim=-1)
    assert (settled > 0.99).float().mean() > 0.95  # each draw is one item
    found_UV = torch.nn.functional.one_hot(draws_KUV.argmax(dim=-1), ITEMS).float().mean(dim=0)
    prior_UV = torch.softmax(exact.asked["test"].draws_KUV[0], dim=-1)
    assert (found_UV - prior_UV).abs().mean() < 0.03
    assert np.corrcoef(found_UV.flatten(), prior_UV.flatten())[0, 1] > 0.9


def test_less_noise_is_denoised_better_and_never_worse_than_by_a_constant(exact: ExactDenoiser) -> None:
    levels = exact.by_level([0, 8, 16, 31])
    errors = [figures["mse"] for figures in levels.values()]
    assert errors == sorted(errors)
    assert errors[0] < 0.01 * levels["0"]["mse_of_zero"]
    assert levels["31"]["by_noise"] < 0.1 < levels["8"]["by_noise"]
