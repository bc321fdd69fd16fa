"""The diffusion process and its schedules."""

from itertools import pairwise

import pytest
import torch

from adrec.diffusion.noise_schedules import SCHEDULES, truncated_linear
from adrec.diffusion.process import Diffusion, geodesic


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
    at_once = diffusion.add_noise(start, torch.full((len(start),), 7), torch.randn_like(start))
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
    step = next(step for step in Diffusion(beta).reversal(32) if step.t == t)
    found = step.draw(torch.tensor([clean]), torch.tensor([noisy]), torch.zeros(1))
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 8, 31, 32])
def test_every_reversal_begins_at_the_noisiest_index_and_ends_with_the_prediction_itself(name: str, steps: int) -> None:
    reversal = Diffusion(SCHEDULES[name](32)).reversal(steps)
    kept = [step.t for step in reversal]
    assert len(kept) == steps
    assert kept == sorted(set(kept), reverse=True)
    assert kept[0] == 31
    gaps = {above - below for above, below in pairwise([*kept, -1])}  # what is below the last index included
    assert gaps <= {32 // steps, 32 // steps + 1}
    clean = torch.randn(3, 4)
    found = reversal[-1].draw(clean, torch.randn(3, 4), torch.randn(3, 4))
    torch.testing.assert_close(found, clean)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_reversal_in_all_steps_is_that_of_the_schedule(name: str) -> None:
    """Ho et al. (2020), equation 7, and the variance beta."""
    beta = SCHEDULES[name](32)
    alpha_bar = torch.cumprod(1 - beta, 0)
    earlier = torch.cat([torch.ones(1, dtype=beta.dtype), alpha_bar[:-1]])
    reversal = Diffusion(beta).reversal(32)
    clean_scale = beta * earlier.sqrt() / (1 - alpha_bar)
    noisy_scale = (1 - earlier) * (1 - beta).sqrt() / (1 - alpha_bar)
    for step in reversal:
        assert step.clean_scale == pytest.approx(clean_scale[step.t].item(), rel=1e-9)
        assert step.noisy_scale == pytest.approx(noisy_scale[step.t].item(), rel=1e-9)
        assert step.deviation == pytest.approx(beta[step.t].sqrt().item() if step.t else 0.0, rel=1e-9)


def test_a_step_over_skipped_indices_is_that_of_the_process_observed_only_at_the_kept_ones() -> None:
    """A schedule whose betas are those between the kept indices has the same posterior there."""
    diffusion = Diffusion(truncated_linear(32))
    skipping = diffusion.reversal(8)
    alpha_bar = torch.tensor([diffusion.alpha_bar[step.t] for step in reversed(skipping)], dtype=torch.float64)
    earlier = torch.cat([torch.ones(1, dtype=torch.float64), alpha_bar[:-1]])
    whole = Diffusion(1 - alpha_bar / earlier).reversal(8)
    for ours, theirs in zip(skipping, whole, strict=True):
        assert ours.clean_scale == pytest.approx(theirs.clean_scale, rel=1e-9)
        assert ours.noisy_scale == pytest.approx(theirs.noisy_scale, rel=1e-9)
        assert ours.deviation == pytest.approx(theirs.deviation, rel=1e-9)


def test_geodesic_noise_stands_across_the_vector_and_is_as_long() -> None:
    torch.manual_seed(0)
    clean, drawn = 5 * torch.rand(50, 1) * torch.randn(50, 8), torch.randn(50, 8)
    noise = geodesic(clean, drawn)
    torch.testing.assert_close((noise * clean).sum(dim=-1), torch.zeros(50), rtol=0, atol=1e-4)
    torch.testing.assert_close(noise.norm(dim=-1), clean.norm(dim=-1))
    assert ((noise * drawn).sum(dim=-1) > 0).all()  # the way that was drawn, not the opposite one


@pytest.mark.parametrize("t", [0, 9, 31])
def test_geodesic_noise_leaves_a_vector_its_length(t: int) -> None:
    torch.manual_seed(0)
    clean = torch.randn(50, 8)
    noisy = Diffusion(truncated_linear(32)).add_noise(clean, torch.full((50,), t), geodesic(clean, torch.randn(50, 8)))
    torch.testing.assert_close(noisy.norm(dim=-1), clean.norm(dim=-1))


@pytest.mark.parametrize("steps", [0, 33])
def test_a_reversal_of_no_or_too_many_steps_is_refused(steps: int) -> None:
    with pytest.raises(ValueError, match=f"steps = {steps} must be from 1 to 32"):
        Diffusion(truncated_linear(32)).reversal(steps)
