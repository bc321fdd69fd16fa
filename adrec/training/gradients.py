"""How the gradients of several losses become one for each parameter."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Combine = Callable[[Sequence[Tensor], Sequence[Tensor]], None]  # losses, parameters: leaves the gradients in `.grad`


def total(losses: Sequence[Tensor], parameters: Sequence[Tensor]) -> None:
    """The gradient of their sum, as the paper writes the loss: one backward pass."""
    torch.stack(list(losses)).sum().backward()


def mean(losses: Sequence[Tensor], parameters: Sequence[Tensor]) -> None:
    """The mean of the gradients that a parameter gets, as the released code does without PCGrad.

    Under Adam this differs from the sum in what the weight decay weighs.
    """
    for parameter, *found in zip(parameters, *(_gradients(loss, parameters) for loss in losses), strict=True):
        got = [gradient for gradient in found if gradient is not None]
        parameter.grad = torch.stack(got).mean(0) if got else None


def pcgrad(losses: Sequence[Tensor], parameters: Sequence[Tensor]) -> None:
    """The mean of the gradients, each without what runs against another (Yu et al., 2020, algorithm 1)."""
    flat = [_flat(_gradients(loss, parameters), parameters) for loss in losses]
    combined = torch.stack([_without_conflicts(index, flat) for index in range(len(flat))]).mean(0)
    pieces = combined.split([parameter.numel() for parameter in parameters])
    for parameter, piece in zip(parameters, pieces, strict=True):
        parameter.grad = piece.view_as(parameter)


COMBINATIONS: dict[str, Combine] = {"sum": total, "mean": mean, "pcgrad": pcgrad}


def _gradients(loss: Tensor, parameters: Sequence[Tensor]) -> Sequence[Tensor | None]:
    return torch.autograd.grad(loss, list(parameters), retain_graph=True, allow_unused=True)


def _flat(gradients: Sequence[Tensor | None], parameters: Sequence[Tensor]) -> Tensor:
    """All gradients as one vector; 0 where a parameter got none."""
    pairs = zip(gradients, parameters, strict=True)
    return torch.cat([(torch.zeros_like(parameter) if got is None else got).flatten() for got, parameter in pairs])


def _without_conflicts(index: int, gradients: list[Tensor]) -> Tensor:
    """One gradient, less its projection on each other (in random order) that it runs against."""
    kept = gradients[index].clone()
    for other in torch.randperm(len(gradients)).tolist():
        along = torch.dot(kept, gradients[other])
        if other != index and along < 0:
            kept -= along / gradients[other].square().sum() * gradients[other]
    return kept
