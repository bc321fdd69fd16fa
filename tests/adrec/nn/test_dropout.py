"""Dropout by 16 bits a value."""

import pytest
import torch

from adrec.nn.dropout import LEVELS, Dropout


@pytest.mark.parametrize("p", [0.1, 0.3, 0.999])
def test_it_drops_the_share_that_is_asked_for_and_keeps_the_mean(p: float) -> None:
    torch.manual_seed(0)
    x = torch.ones(1003, 1001)
    dropped = Dropout(p)(x)
    share = (dropped == 0).double().mean().item()
    deviation = (p * (1 - p) / x.numel()) ** 0.5
    assert share == pytest.approx(p, abs=5 * deviation + 2**-17)
    assert dropped[dropped != 0].unique().numel() == 1
    assert dropped.max().item() == pytest.approx(1 / (1 - p), rel=0.01)


def test_a_share_that_16_bits_cannot_tell_from_one_leaves_something() -> None:
    torch.manual_seed(0)
    assert Dropout(1 - 1e-9)(torch.ones(10 * LEVELS)).isfinite().all()


def test_values_are_dropped_independently_of_their_neighbours() -> None:
    torch.manual_seed(0)
    kept = (Dropout(0.5)(torch.ones(1_000_000)) != 0).double()
    for distance in (1, 2, 3, 4, 5, 8):
        together = torch.corrcoef(torch.stack([kept[:-distance], kept[distance:]]))[0, 1].item()
        assert abs(together) < 0.005


def test_a_gradient_passes_where_a_value_did() -> None:
    x = torch.randn(7, 5, requires_grad=True)
    y = Dropout(0.4)(x)
    y.sum().backward()
    torch.testing.assert_close(x.grad, (y / x).detach())


def test_a_seed_gives_one_mask_and_evaluation_none() -> None:
    dropout, x = Dropout(0.5), torch.randn(3, 3)
    first, second = (torch.manual_seed(seed) and dropout(x) for seed in (1, 1))
    assert torch.equal(first, second)
    assert dropout.eval()(x) is x
    assert Dropout(0.0)(x) is x
