"""The authors' training step, with torch's fused operators: what the trainer is timed against.

It builds each user's tensors by themselves, pads every history on the left to `max_length`, lets tokens attend to the
padding, embeds the step index of each position separately, holds all logits at once, and runs one backward pass for
each loss, averaging their gradients. Its parameters are those of our networks, so that both can be given the same.

Legend: B users, L positions, D width, M real tokens.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from adrec.diffusion.conditioning import ScaledSum
from adrec.nn.transformer import Block, Encoder
from adrec.recommenders.adrec import ADRec
from adrec.recommenders.sasrec import SASRec


def load(histories: list[list[int]], max_length: int) -> tuple[Tensor, Tensor]:
    """Inputs and their next items, int64 [B, L], left-padded with 0."""
    inputs, targets = [], []
    for history in histories:
        recent = history[-max_length - 1 :]
        before = [0] * (max_length + 1 - len(recent))
        inputs.append(torch.tensor(before + recent[:-1]))
        targets.append(torch.tensor(before + recent[1:]))
    return torch.stack(inputs), torch.stack(targets)


def sasrec_losses(network: SASRec, items_BL: Tensor, targets_BL: Tensor) -> dict[str, Tensor]:
    """The loss of stage 1."""
    x_BLD = network.dropout(network.norm(network.item_embedding(items_BL)))
    return {"ce": _cross_entropy(network, encode(network.encoder, x_BLD, items_BL > 0), targets_BL)}


def adrec_losses(
    network: ADRec, items_BL: Tensor, targets_BL: Tensor, t_BL: Tensor, noise_BLD: Tensor
) -> dict[str, Tensor]:
    """The losses of stage 3, for step indices and noise that are given."""
    real_BL = items_BL > 0
    x_BLD = network.norm(network.dropout(network.item_embedding(items_BL)))
    condition_BLD = encode(network.encoder, x_BLD, real_BL)
    clean_BLD = network.item_embedding(targets_BL)
    noisy_BLD = torch.where(real_BL[..., None], network.diffusion.add_noise(clean_BLD, t_BL, noise_BLD), clean_BLD)
    time = network.time_embedding
    time_BLD = time.narrow(F.silu(time.widen(time.features_TD[t_BL * real_BL])))
    mixed_BLD = condition_BLD + cast(ScaledSum, network.conditioning).scale * (noisy_BLD + time_BLD)
    predicted_BLD = encode(cast(Encoder, network.denoiser), mixed_BLD, real_BL)
    error_BL = (predicted_BLD - clean_BLD).square().mean(dim=-1) * real_BL
    mse = (error_BL.sum(dim=1) / real_BL.sum(dim=1)).mean()
    return {"ce": _cross_entropy(network, predicted_BLD, targets_BL), "mse": mse}


def encode(encoder: Encoder, x_BLD: Tensor, real_BL: Tensor) -> Tensor:
    """A stack of blocks in which the padding mask spares the queries of the padding and no keys.

    A query of zeros weighs all positions up to its own alike: what the authors' -1e9 for a whole row amounts to.
    """
    for block in cast(list[Block], list(encoder.blocks)):
        attention = block.attention
        query_BHLE, key_BHLE, value_BHLE = (
            vectors.unflatten(-1, (attention.heads, -1)).transpose(1, 2)
            for vectors in (attention.query(x_BLD) * real_BL[..., None], attention.key(x_BLD), attention.value(x_BLD))
        )
        dropout = attention.dropout.p if attention.training else 0.0
        attended_BHLE = F.scaled_dot_product_attention(
            query_BHLE, key_BHLE, value_BHLE, dropout_p=dropout, is_causal=True
        )
        attended_BLD = attention.output(attended_BHLE.transpose(1, 2).flatten(2))
        x_BLD = block.attention_norm(x_BLD + block.dropout(attended_BLD))
        hidden = block.dropout(F.gelu(block.widen(x_BLD), approximate="tanh"))
        x_BLD = block.feed_forward_norm(x_BLD + block.dropout(block.narrow(hidden)))
    return x_BLD


def step(losses: dict[str, Tensor], optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """One backward pass for each loss, and a step along the mean of the gradients that each parameter got."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    gradients = [
        torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True) for loss in losses.values()
    ]
    for parameter, *found in zip(parameters, *gradients, strict=True):
        got = [gradient for gradient in found if gradient is not None]
        parameter.grad = sum(got[1:], got[0]) / len(got) if got else None
    optimizer.step()
    return {name: loss.item() for name, loss in losses.items()}


def _cross_entropy(network: SASRec | ADRec, x_BLD: Tensor, targets_BL: Tensor) -> Tensor:
    real_BL = targets_BL > 0
    return F.cross_entropy(x_BLD[real_BL] @ network.item_embedding.weight.T, targets_BL[real_BL])
