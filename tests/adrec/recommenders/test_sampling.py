"""The reverse process of a network as it was when it was prepared (what it computes: `test_model`)."""

from dataclasses import replace

import pytest
import torch

from adrec import config
from adrec.diffusion.parallel_sampling import MOST
from adrec.recommenders.adrec import SEED, ADRec, Sampler, draw_noise

HISTORIES = torch.tensor([[3, 1, 4], [2, 7, 0]]), torch.tensor([3, 2])


@pytest.fixture
def network(tiny: dict[str, config.Section]) -> ADRec:
    torch.manual_seed(0)
    return ADRec(replace(tiny["model"], conditioning_scale=0.5), 10).eval()


def test_an_answer_is_that_of_the_steps_it_was_prepared_for(network: ADRec) -> None:
    every, one = network.prepared(), network.in_steps(1).prepared()
    steps = network.diffusion.steps
    assert not torch.allclose(every(*HISTORIES), one(*HISTORIES))
    torch.testing.assert_close(network.represent(*HISTORIES), one(*HISTORIES))
    torch.testing.assert_close(network.in_steps(steps).represent(*HISTORIES), every(*HISTORIES))


def test_the_seed_alone_decides_on_the_noise(network: ADRec) -> None:
    first, again, other = (Sampler(network, seed)(*HISTORIES) for seed in (SEED, SEED, SEED + 1))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert not torch.equal(draw_noise(4, 8, 0), draw_noise(4, 8, 1))


@pytest.mark.parametrize("scale", [0.0, 0.001])
@pytest.mark.parametrize("estimate", ["direct", "posterior"])
def test_an_answer_of_many_steps_at_once_is_that_of_one_by_one(
    estimate: str, scale: float, tiny: dict[str, config.Section]
) -> None:
    """The posterior reads noisy vectors that the denoiser's input hardly shows."""
    torch.manual_seed(0)
    model = replace(tiny["model"], latent="standardised", estimate=estimate, conditioning_scale=scale)
    network = ADRec(replace(model, diffusion_steps=32), 100).eval()
    items_BL, lengths_B = (part[:1].expand(MOST, *part.shape[1:]) for part in HISTORIES)
    alone, one_by_one = network.represent(items_BL[:1], lengths_B[:1]), network.represent(items_BL, lengths_B)[:1]
    torch.testing.assert_close(alone, one_by_one, rtol=0, atol=1e-5 * float(one_by_one.abs().max()))


def test_the_noise_of_the_last_steps_is_the_same_whatever_their_number() -> None:
    torch.testing.assert_close(draw_noise(3, 16)[-2:], draw_noise(2, 16))
