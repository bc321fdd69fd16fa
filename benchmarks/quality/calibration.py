"""Whether a recommender's scores are probabilities: softmax over the catalogue at a temperature fitted beforehand.

Legend: K draws of the scores of U users for V items; temperatures are fitted on validation, the rest is for the test.
"""

import math

import numpy as np
import torch
from torch import Tensor

TEMPERATURES = np.geomspace(0.02, 20_000, 117).tolist()  # an eighth apart
BINS = 10


def probabilities(scores_KUV: Tensor, temperature: float) -> Tensor:
    """The mean over draws of their softmax, [U, V]."""
    total_UV = torch.zeros_like(scores_KUV[0])
    for scores_UV in scores_KUV:
        total_UV += torch.softmax(scores_UV / temperature, dim=-1)
    return total_UV / len(scores_KUV)


def log_loss(chances_UV: Tensor, columns_U: Tensor) -> float:
    """Mean negative log-likelihood of each user's target, in nats.

    >>> round(log_loss(torch.tensor([[0.5, 0.5], [0.25, 0.75]]), torch.tensor([0, 0])), 4)
    1.0397
    """
    return -float(chances_UV.gather(1, columns_U[:, None]).clamp(min=1e-30).log().mean())


def fitted_temperature(scores_KUV: Tensor, columns_U: Tensor) -> float:
    """The temperature of `TEMPERATURES` with the least log loss."""
    return min(TEMPERATURES, key=lambda each: log_loss(probabilities(scores_KUV, each), columns_U))


def calibration_error(chance_U: np.ndarray, hit_U: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error: predicted chance against share of hits, in bins of equally many users.

    >>> calibration_error(np.array([0.2, 0.2, 0.9, 0.9]), np.array([0, 0, 1, 1]), bins=2)
    0.15
    """
    order = np.argsort(chance_U, kind="stable")
    gaps = [
        len(users) * abs(chance_U[users].mean() - hit_U[users].mean()) for users in np.array_split(order, bins)
    ]  # fmt: skip
    return round(math.fsum(gaps) / len(chance_U), 12)


def calibration(chances_UV: Tensor, columns_U: Tensor, cutoff: int) -> dict[str, float]:
    """Log loss of the targets, and how far the chance given to a user's `cutoff` best items is from their hits."""
    best = chances_UV.topk(min(cutoff, chances_UV.shape[1]))
    hit_U = (best.indices == columns_U[:, None]).any(dim=1)
    return {
        "log_loss": log_loss(chances_UV, columns_U),
        "calibration_error": calibration_error(best.values.sum(dim=1).double().numpy(), hit_U.double().numpy()),
    }
