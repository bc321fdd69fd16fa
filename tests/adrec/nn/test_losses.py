"""The objectives: the chunked cross-entropy is exact and small, and the denoising error counts users equally."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from adrec.nn import losses


def random_problem(tokens: int, candidates: int, width: int, scale: float) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(tokens)
    x_MD = (torch.randn(tokens, width, generator=generator) * scale).requires_grad_()
    items_VD = torch.randn(candidates, width, generator=generator).requires_grad_()
    return x_MD, torch.randint(candidates, (tokens,), generator=generator), items_VD


@given(
    tokens=st.integers(1, 50),
    candidates=st.integers(1, 80),
    chunk=st.integers(1, 60),
    scale=st.sampled_from([0.01, 1.0, 30.0]),  # at 30 most probabilities underflow
)
def test_the_chunked_cross_entropy_is_that_of_all_logits(
    tokens: int, candidates: int, chunk: int, scale: float
) -> None:
    x_MD, targets_M, items_VD = random_problem(tokens, candidates, 8, scale)
    expected = F.cross_entropy(x_MD @ items_VD.T, targets_M)
    found = losses.cross_entropy(x_MD, targets_M, items_VD, chunk)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    gradients = [torch.autograd.grad(3 * loss, (x_MD, items_VD)) for loss in (found, expected)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * (1 + float(theirs.abs().max())))


def test_gradients_in_bfloat16_are_nearly_those_of_float32() -> None:
    x_MD, targets_M, items_VD = random_problem(50, 80, 8, 1.0)
    gradients = []
    for enabled in (False, True):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            loss = losses.cross_entropy(x_MD, targets_M, items_VD, 16)
        gradients.append(torch.autograd.grad(loss, (x_MD, items_VD)))
    for exact, rounded in zip(*gradients, strict=True):
        assert rounded.dtype == torch.float32
        assert not torch.equal(rounded, exact)
        assert F.cosine_similarity(rounded.flatten(), exact.flatten(), dim=0) > 0.99
        assert rounded.norm().item() == pytest.approx(exact.norm().item(), rel=0.02)


class LargestStorage(TorchDispatchMode):
    """Notes the bytes of the largest tensor that any operation returns."""

    bytes = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, Tensor):
                self.bytes = max(self.bytes, value.untyped_storage().nbytes())
        return result


@pytest.mark.parametrize("device", losses.CHUNK_LOGITS)
def test_no_tensor_is_a_fifteenth_of_the_logits_of_65_thousand_items(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(losses.CHUNK_LOGITS, "cpu", losses.CHUNK_LOGITS[device])  # in chunks as that device has them
    tokens, candidates = 1280, 65_000
    x_MD, targets_M, items_VD = random_problem(tokens, candidates, 8, 1.0)
    with LargestStorage() as largest:
        losses.next_item(x_MD, targets_M, items_VD).backward()
    assert 0 < largest.bytes <= tokens * candidates * 4 / 15


def test_embeddings_that_are_frozen_cost_no_gradient_and_change_no_other() -> None:
    x_MD, targets_M, items_VD = random_problem(7, 9, 8, 1.0)
    expected, _ = torch.autograd.grad(losses.cross_entropy(x_MD, targets_M, items_VD, 7), (x_MD, items_VD))
    with torch.profiler.profile() as profile:
        losses.cross_entropy(x_MD, targets_M, items_VD.detach(), 7).backward()
    assert x_MD.grad is not None
    assert torch.equal(x_MD.grad, expected)
    products = {event.key: event.count for event in profile.key_averages()}
    assert products["aten::mm"] == 2  # the logits, and what they say of the tokens
    assert "aten::addmm_" not in products


def test_a_loss_that_is_not_a_number_stays_so() -> None:
    x_MD, targets_M, items_VD = random_problem(4, 5, 8, 1.0)
    assert losses.next_item(x_MD * torch.nan, targets_M, items_VD).isnan()


def test_a_denoising_error_counts_users_equally_however_long_their_histories() -> None:
    predicted = torch.zeros(4, 2)
    clean = torch.tensor([[1.0, 1.0], [3.0, 3.0], [3.0, 3.0], [3.0, 3.0]])
    shares = torch.tensor([1.0, 1 / 3, 1 / 3, 1 / 3])
    assert losses.denoising(predicted, clean, shares).item() == pytest.approx((1 + 9) / 2)
