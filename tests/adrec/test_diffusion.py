"""The diffusion process and its schedules."""

import pytest
import torch

from adrec.diffusion import Diffusion
from adrec.schedule import SCHEDULES, truncated_linear


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 20, 32, 100])
def test_every_beta_is_a_variance_between_zero_and_one(name: str, steps: int) -> None:
    beta = SCHEDULES[name](steps)
    assert beta.shape == (steps,)
    assert ((beta > 0) & (beta < 1)).all()


def test_the_truncated_linear_schedule_has_the_values_of_the_released_code() -> None:
    beta = truncated_linear(32)
    assert beta[0].item() == pytest.approx(0.013125)
    assert beta[-1].item() == pytest.approx(0.635)
    assert torch.cumprod(1 - beta, 0)[-1].item() == pytest.approx(9.9e-7, rel=0.01)


def test_twenty_steps_fall_back_to_the_gentle_slope() -> None:
    assert torch.cumprod(1 - truncated_linear(20), 0)[-1].item() == pytest.approx(0.465, abs=1e-3)


def test_diffusing_in_one_go_has_the_moments_of_diffusing_step_by_step() -> None:
    beta = truncated_linear(8)
    diffusion = Diffusion(beta)
    torch.manual_seed(0)
    stepwise = torch.full((200_000, 1), 2.0)
    for variance in beta.float():
        stepwise = (1 - variance).sqrt() * stepwise + variance.sqrt() * torch.randn_like(stepwise)
    start = torch.full_like(stepwise, 2.0)
    at_once = diffusion.diffuse(start, torch.full((len(start),), 7), torch.randn_like(start))
    assert at_once.mean().item() == pytest.approx(stepwise.mean().item(), abs=0.01)
    assert at_once.std().item() == pytest.approx(stepwise.std().item(), abs=0.01)


def test_the_posterior_mean_is_that_of_bayes_rule() -> None:
    """q(x_{t-1} | x_t, x_0) is the product of two Gaussians, computed here from its factors."""
    beta = truncated_linear(32)
    alpha_bar = torch.cumprod(1 - beta, 0)
    t, clean, noisy = 9, 0.7, -0.4
    prior_mean, prior_variance = alpha_bar[t - 1].sqrt() * clean, 1 - alpha_bar[t - 1]
    precision = 1 / prior_variance + (1 - beta[t]) / beta[t]
    expected = (prior_mean / prior_variance + (1 - beta[t]).sqrt() * noisy / beta[t]) / precision
    found = Diffusion(beta).reverse(torch.tensor([clean]), torch.tensor([noisy]), t, torch.zeros(1))
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_last_reverse_step_returns_the_prediction_itself() -> None:
    clean = torch.randn(3, 4)
    found = Diffusion(truncated_linear(32)).reverse(clean, torch.randn(3, 4), 0, torch.randn(3, 4))
    torch.testing.assert_close(found, clean)
