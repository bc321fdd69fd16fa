"""Attention over whole rows, in training and in evaluation."""

import numpy as np
import pytest
import torch
from torch import Tensor

from adrec.nn.attention import Attention
from adrec.nn.packing import Layout
from adrec.nn.padding import PADDINGS


def given(name: str) -> tuple[Tensor, Tensor]:
    """Vectors [R, W, 16] large enough for a softmax to tell them apart, and the mask of their rows."""
    torch.manual_seed(0)
    padding = PADDINGS[name](8)
    layout = Layout.of(np.array([3, 2, 5]), 5, padding.num_sink_tokens)
    return 3 * torch.randn(*layout.segments_RW.shape, 16), padding.over_rows(layout)


@pytest.mark.parametrize("padding", PADDINGS)
def test_attention_in_training_without_dropout_is_that_of_evaluation(padding: str) -> None:
    attention, (x_RWD, mask_R1WW) = Attention(16, 2, 0.0), given(padding)
    expected = attention.eval()(x_RWD, x_RWD, mask_R1WW)
    torch.testing.assert_close(attention.train()(x_RWD, x_RWD, mask_R1WW), expected)


@pytest.mark.parametrize("padding", PADDINGS)
def test_attention_weights_are_dropped_in_training(padding: str) -> None:
    attention, (x_RWD, mask_R1WW) = Attention(16, 2, 0.5).train(), given(padding)
    first, again, other = (torch.manual_seed(seed) and attention(x_RWD, x_RWD, mask_R1WW) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
