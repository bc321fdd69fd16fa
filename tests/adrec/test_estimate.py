"""What the denoiser's output says of items and of the clean vector."""

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from adrec.diffusion import Diffusion
from adrec.estimate import Direct, Posterior
from adrec.schedule import truncated_linear

NUM_ITEMS, DIMENSION = 7, 6
Tables = tuple[Tensor, Tensor]


@pytest.fixture
def diffusion() -> Diffusion:
    return Diffusion(truncated_linear(32))


@pytest.fixture
def tables() -> Tables:
    torch.manual_seed(0)
    items_VD = torch.randn(NUM_ITEMS, DIMENSION) / 10
    return items_VD, items_VD / items_VD.square().mean().sqrt()


@pytest.mark.parametrize("t", [0, 8, 31])
def test_the_posterior_is_bayes_rule_over_the_items(t: int, diffusion: Diffusion, tables: Tables) -> None:
    items_VD, clean_VD = tables
    output, index = torch.randn(3, DIMENSION), torch.full((3,), t)
    noisy = diffusion.diffuse(clean_VD[:3], index, torch.randn(3, DIMENSION))
    likelihood = Normal((diffusion.clean_scale_T[t] * clean_VD).double(), diffusion.noise_scale_T[t].double())
    log_likely = likelihood.log_prob(noisy[:, None].double()).sum(dim=-1)
    chances = torch.softmax((output @ items_VD.T).double() + log_likely, dim=-1).float()
    posterior = Posterior(diffusion)
    evidence = posterior.evidence(noisy, index)
    left, right = posterior.logits(output, evidence, *tables)
    torch.testing.assert_close(torch.softmax(left @ right.T, dim=-1), chances, rtol=1e-3, atol=1e-5)
    clean = posterior.clean(output, evidence, *tables)
    torch.testing.assert_close(clean, chances @ clean_VD, rtol=1e-3, atol=1e-4)


def test_the_posterior_finds_the_item_at_the_least_noise_and_the_ranker_alone_at_the_most(
    diffusion: Diffusion, tables: Tables
) -> None:
    posterior, output, noise = Posterior(diffusion), torch.randn(DIMENSION), torch.randn(DIMENSION)
    for t, expected in ((0, tables[1][4]), (31, torch.softmax(output @ tables[0].T, dim=-1) @ tables[1])):
        noisy = diffusion.diffuse(tables[1][4], torch.tensor(t), noise)
        clean = posterior.clean(output, posterior.evidence(noisy, torch.tensor(t)), *tables)
        torch.testing.assert_close(clean, expected, rtol=0.05, atol=0.05)


def test_the_answer_ranks_as_the_logits_where_items_are_of_one_length(diffusion: Diffusion, tables: Tables) -> None:
    items_VD = torch.nn.functional.normalize(tables[0], dim=-1)
    clean_VD = items_VD / items_VD.square().mean().sqrt()
    posterior, output = Posterior(diffusion), torch.randn(3, DIMENSION)
    evidence = posterior.evidence(torch.randn(3, DIMENSION), torch.tensor([0, 8, 31]))
    left, right = posterior.logits(output, evidence, items_VD, clean_VD)
    answer = posterior.answer(torch.empty(0), lambda: (output[:, None], evidence[:, None]), items_VD, clean_VD)
    assert torch.equal((answer @ items_VD.T).argsort(), (left @ right.T).argsort())


def test_the_evidence_moves_no_embedding(diffusion: Diffusion, tables: Tables) -> None:
    items_VD = tables[0].clone().requires_grad_()
    posterior = Posterior(diffusion)
    evidence = posterior.evidence(torch.randn(2, DIMENSION), torch.tensor([0, 8]))
    left, right = posterior.logits(torch.zeros(2, DIMENSION), evidence, items_VD, items_VD)
    (gradient,) = torch.autograd.grad((left @ right.T).square().sum(), items_VD)
    assert not gradient.any()  # an output of zeros asks for none either


def test_the_output_itself_is_all_three_where_it_is_direct(diffusion: Diffusion, tables: Tables) -> None:
    direct, output = Direct(diffusion), torch.randn(3, DIMENSION)
    evidence = direct.evidence(torch.randn(3, DIMENSION), torch.tensor([0, 8, 31]))
    assert evidence.shape == (3, 0)
    assert direct.clean(output, evidence, *tables) is direct.logits(output, evidence, *tables)[0] is output
    assert direct.logits(output, evidence, *tables)[1] is tables[0]
    assert direct.answer(output, lambda: (output, evidence), *tables) is output
