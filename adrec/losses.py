"""The two objectives: predict the next item, and recover its embedding from noise.

Legend: M real tokens, D width, V items.
"""

import torch.nn.functional as F
from torch import Tensor


def next_item(x_MD: Tensor, targets_M: Tensor, items_VD: Tensor) -> Tensor:
    """Cross-entropy of the softmax over all items, mean over tokens.

    Args:
        x_MD: one output vector a token.
        targets_M: item numbers in 1..V.
        items_VD: embeddings of items 1..V (no padding row: padding is never a candidate).
    """
    return F.cross_entropy(x_MD @ items_VD.T, targets_M - 1)


def denoising(predicted_MD: Tensor, clean_MD: Tensor, shares_M: Tensor) -> Tensor:
    """Squared error between predicted and clean embeddings: mean over a user's tokens, then over users and dimensions.

    Args:
        predicted_MD: the network's x_0.
        clean_MD: the embeddings of the targets.
        shares_M: one over the number of tokens of the token's user.
    """
    error_M = (predicted_MD - clean_MD).square().mean(dim=-1)
    return (error_M * shares_M).sum() / shares_M.sum()
