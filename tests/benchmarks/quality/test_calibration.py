"""Whether scores are probabilities."""

import numpy as np
import pytest
import torch

from benchmarks.quality.calibration import calibration, calibration_error, fitted_temperature, log_loss, probabilities


def drawn(scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores `scale` times too large, and targets drawn from the softmax of the right ones."""
    generator = torch.Generator().manual_seed(0)
    logits_UV = 2 * torch.randn(3000, 30, generator=generator)
    columns_U = torch.multinomial(torch.softmax(logits_UV, dim=-1), 1, generator=generator)[:, 0]
    return scale * logits_UV[None], columns_U


@pytest.mark.parametrize("scale", [0.5, 1.0, 4.0])
def test_the_temperature_that_is_fitted_undoes_the_scale_of_the_scores(scale: float) -> None:
    assert fitted_temperature(*drawn(scale)) == pytest.approx(scale, rel=0.12)


def test_true_probabilities_are_calibrated_and_overconfident_ones_are_not() -> None:
    scores_KUV, columns_U = drawn(1)
    honest, loud = (calibration(probabilities(scores_KUV, each), columns_U, 5) for each in (1, 0.3))
    assert honest["calibration_error"] < 0.04 < loud["calibration_error"]
    assert honest["log_loss"] < loud["log_loss"]


def test_the_probabilities_of_several_draws_are_their_mean_and_sum_to_one() -> None:
    scores_KUV = torch.randn(3, 4, 9)
    chances_UV = probabilities(scores_KUV, 2.0)
    torch.testing.assert_close(chances_UV.sum(dim=-1), torch.ones(4))
    torch.testing.assert_close(chances_UV, torch.softmax(scores_KUV / 2, dim=-1).mean(dim=0))


def test_users_without_a_chance_do_not_make_the_loss_infinite() -> None:
    assert np.isfinite(log_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([1])))


def test_the_error_is_zero_where_each_bin_keeps_its_promise() -> None:
    assert calibration_error(np.full(20, 0.5), np.tile([0, 1], 10), bins=5) == pytest.approx(0)
