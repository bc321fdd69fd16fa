"""Modules as plain functions: for steps over a single vector, where calling a module costs as much as what it does.

The weights are those of the module at the time, so such a function is for one request, not for training.
"""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def linear(module: nn.Linear) -> Callable[[Tensor], Tensor]:
    """What `module` computes."""
    return partial(F.linear, weight=module.weight, bias=module.bias)


def layer_norm(module: nn.LayerNorm) -> Callable[[Tensor], Tensor]:
    """What `module` computes."""
    shape = module.normalized_shape
    return partial(torch.layer_norm, normalized_shape=shape, weight=module.weight, bias=module.bias, eps=module.eps)
