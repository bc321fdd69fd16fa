"""How evenly an item-embedding table fills its space: the measures of the paper's Table 5.

Legend: N items, D width. E_ND is a table of items 1..N, without the padding row; Z_ND is E_ND standardised in each
dimension; s_D are the singular values of Z_ND, falling; C_DD is the covariance of the columns of Z_ND.

The paper prints names and figures, the authors' notebook the formulas. One differs here: before they take the logarithm
of a determinant they add 1e-9 to it, at which the divergence of every one of their ADRec tables saturates.
"""

from typing import Any

import numpy as np

TINY = 1e-9  # the authors' guard of a division by zero
NUM_TOP = 5


def measures(E_ND: np.ndarray) -> dict[str, Any]:
    """Every measure of one table, as plain values; what is infinite is None.

    Raises:
        ValueError: the table has fewer than two items, or a value that is not finite.
    """
    if len(E_ND) < 2 or not np.isfinite(E_ND).all():
        raise ValueError(f"an embedding table of shape {E_ND.shape} must have two items and only finite values")
    E_ND = E_ND.astype(np.float64)
    Z_ND = standardise(E_ND)
    s_D, C_DD = singular_values(Z_ND), covariance(Z_ND)
    divergence = kl_to_gaussian(C_DD, len(E_ND))
    return {
        "top_singular_values": s_D[:NUM_TOP].tolist(),
        "singular_value_variance": singular_value_variance(s_D),
        "singular_value_entropy": entropy(s_D),
        "covariance_entropy": covariance_entropy(E_ND),
        "isotropy": isotropy(C_DD),
        "kl_to_gaussian": divergence if np.isfinite(divergence) else None,
        "mean_cosine": mean_cosine(E_ND),
        "mean_variance": mean_variance(E_ND),
    }


def gaussian_control(num_items: int, dimension: int, seed: int = 0) -> np.ndarray:
    """What a table without any structure looks like: independent N(0, 1), float64 [N, D]."""
    return np.random.default_rng(seed).standard_normal((num_items, dimension))


def standardise(E_ND: np.ndarray) -> np.ndarray:
    """Each dimension less its mean, over its population standard deviation; a constant dimension becomes 0."""
    return (E_ND - E_ND.mean(axis=0)) / (E_ND.std(axis=0) + TINY)


def covariance(E_ND: np.ndarray) -> np.ndarray:
    """Covariance of the dimensions over the items, [D, D], with N - 1 in the denominator."""
    centred_ND = E_ND - E_ND.mean(axis=0)
    return centred_ND.T @ centred_ND / (len(E_ND) - 1)


def singular_values(Z_ND: np.ndarray) -> np.ndarray:
    """All min(N, D) singular values, falling.

    The squares of those of a standardised table sum to N D: only their shape says something, their size grows with N.
    """
    return np.linalg.svd(Z_ND, compute_uv=False)


def singular_value_variance(s_D: np.ndarray) -> float:
    """Population variance of the singular values: 0 where every direction carries the same.

    >>> singular_value_variance(np.array([3.0, 1.0]))
    1.0
    """
    return float(s_D.var())


def entropy(weights: np.ndarray) -> float:
    """Entropy in nats of non-negative weights as shares of their sum; at most the logarithm of their number.

    >>> round(entropy(np.array([3.0, 3.0])), 4), entropy(np.array([1.0, 0.0]))
    (0.6931, 0.0)
    """
    share = weights[weights > 0] / (weights.sum() or 1.0)
    return float(-(share * np.log(share)).sum()) + 0.0


def covariance_entropy(E_ND: np.ndarray) -> float:
    """Entropy of the eigenvalues, floored at 1e-9, of the covariance of the raw table: invariant under rotation."""
    return entropy(np.maximum(np.linalg.eigvalsh(covariance(E_ND)), TINY))


def isotropy(C_DD: np.ndarray) -> float:
    """Smallest over largest eigenvalue of the covariance: 1 where all directions vary alike, 0 where one does not."""
    values_D = np.linalg.eigvalsh(C_DD)
    return max(0.0, float(values_D[0] / (values_D[-1] + TINY)))


def kl_to_gaussian(C_DD: np.ndarray, num_items: int) -> float:
    """KL divergence in nats of N(0, C) from N(0, I): (tr C - D - ln det C) / 2.

    Infinite where the table leaves a direction of the space unused, as every one of no more items than dimensions does.
    """
    if num_items <= len(C_DD):
        return float("inf")
    sign, log_determinant = np.linalg.slogdet(C_DD)
    return float(np.trace(C_DD) - len(C_DD) - log_determinant) / 2 if sign > 0 else float("inf")


def mean_cosine(E_ND: np.ndarray) -> float:
    """Mean cosine over all pairs of items, each with itself included: the squared length of the mean unit vector.

    Invariant under rotation; far above 0 where all embeddings share one direction.
    """
    lengths_N = np.linalg.norm(E_ND, axis=1, keepdims=True)
    direction_D = (E_ND / np.where(lengths_N > 0, lengths_N, 1.0)).mean(axis=0)
    return float(direction_D @ direction_D)


def mean_variance(E_ND: np.ndarray) -> float:
    """Population variance over the items, averaged over the dimensions of the raw table: its scale, not its shape."""
    return float(E_ND.var(axis=0).mean())
