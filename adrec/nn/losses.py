"""The two objectives: predict the next item, and recover its embedding from noise.

Legend: M tokens, C of them at once, D width, V candidates.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Logits held at once. On a processor 4 MB: more leaves the caches of a core and is slower, by half at 16 MB. On a GPU
# that much, for fewer chunks: each is a dozen kernels to launch. Many more would hold most of a small batch's logits.
CHUNK_LOGITS = {"cpu": 2**20, "cuda": 2**22}
CHUNK_TOKENS = 64  # fewer at once would waste the matrix unit


def next_item(x_MD: Tensor, targets_M: Tensor, items_VD: Tensor) -> Tensor:
    """Cross-entropy of the softmax over all candidates, mean over tokens (0 of none); no [M, V] is ever held.

    Args:
        x_MD: one output vector a token.
        targets_M: rows of `items_VD`, int64.
        items_VD: embeddings of the candidates.
    """
    logits = CHUNK_LOGITS.get(x_MD.device.type, CHUNK_LOGITS["cpu"])
    return cross_entropy(x_MD, targets_M, items_VD, max(CHUNK_TOKENS, logits // len(items_VD)))


def cross_entropy(x_MD: Tensor, targets_M: Tensor, items_VD: Tensor, chunk: int) -> Tensor:
    """`F.cross_entropy(x_MD @ items_VD.T, targets_M)`, computed for `chunk` tokens at once.

    Exact. The gradients are computed with the loss, chunk by chunk, so that no logits wait for the backward pass
    (as in Liger, arXiv 2410.10989, and Cut Cross-Entropy, arXiv 2411.09009). Under autocast the products are of its
    precision; all else stays float32.
    """
    kind = x_MD.device.type
    precision = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else torch.float32
    with torch.autocast(kind, enabled=False):
        loss: Tensor = _ChunkedCrossEntropy.apply(x_MD.float(), targets_M, items_VD, chunk, precision)
    return loss


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x_MD: Tensor, targets_M: Tensor, items_VD: Tensor, chunk: int, precision: torch.dtype
    ) -> Tensor:
        x_gradient_MD = torch.empty_like(x_MD)
        items_gradient_VD = torch.zeros_like(items_VD) if ctx.needs_input_grad[2] else None
        rounded_VD = items_VD.to(precision)
        loss = x_MD.new_zeros(())
        for start in range(0, len(x_MD), chunk):
            part = slice(start, start + chunk)
            loss += _add_chunk(x_MD[part], targets_M[part], rounded_VD, x_gradient_MD[part], items_gradient_VD)
        ctx.save_for_backward(x_gradient_MD, items_gradient_VD)
        return loss / max(1, len(x_MD))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, Tensor | None, None, None]:
        x_gradient_MD, items_gradient_VD = ctx.saved_tensors
        scale = upstream / max(1, len(x_gradient_MD))
        items = None if items_gradient_VD is None else items_gradient_VD * scale
        return x_gradient_MD * scale, None, items, None, None


def _add_chunk(
    x_CD: Tensor, targets_C: Tensor, items_VD: Tensor, x_gradient_CD: Tensor, items_gradient_VD: Tensor | None
) -> Tensor:
    """Write the tokens' own gradient, add theirs to the items' (None where these are frozen), return their summed loss.

    The softmax p is exp(logit - largest) / total; its gradient, p minus one at the target, is kept as multiples of the
    total, and the small [C, D] matrices are divided by it instead of the large [C, V] one. Products are of the
    precision of `items_VD`.
    """
    precision = items_VD.dtype
    logits_CV = (x_CD.to(precision) @ items_VD.T).float()
    target_C1 = logits_CV.gather(1, targets_C[:, None])
    largest_C1 = logits_CV.amax(dim=1, keepdim=True)
    multiples_CV = logits_CV.sub_(largest_C1).exp_()
    total_C1 = multiples_CV.sum(dim=1, keepdim=True)
    rounded_CV = multiples_CV.scatter_add_(1, targets_C[:, None], -total_C1).to(precision)
    torch.div(rounded_CV @ items_VD, total_C1, out=x_gradient_CD)
    if items_gradient_VD is not None and precision == torch.float32:
        items_gradient_VD.addmm_(rounded_CV.T, x_CD / total_C1)
    elif items_gradient_VD is not None:
        items_gradient_VD += rounded_CV.T @ (x_CD / total_C1).to(precision)
    return (total_C1.log() + largest_C1 - target_C1).sum()


def denoising(predicted_MD: Tensor, clean_MD: Tensor, inverse_length_M: Tensor) -> Tensor:
    """Squared error between predicted and clean embeddings: mean over a user's tokens, then over users and dimensions.

    Args:
        predicted_MD: the network's x_0.
        clean_MD: the embeddings of the targets.
        inverse_length_M: one over the number of tokens of the token's user.
    """
    error_M = (predicted_MD - clean_MD).square().mean(dim=-1)
    return (error_M * inverse_length_M).sum() / inverse_length_M.sum()
