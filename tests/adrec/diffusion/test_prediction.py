"""What the denoiser's output says of items and of the clean vector."""

import pytest
import torch
from torch import Tensor

from adrec.diffusion.noise_schedules import truncated_linear
from adrec.diffusion.prediction import Direct, Posterior
from adrec.diffusion.process import Diffusion

NUM_ITEMS, DIMENSION = 7, 6


@pytest.fixture
def diffusion() -> Diffusion:
    return Diffusion(truncated_linear(32))


@pytest.fixture
def tables() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    items_VD = torch.randn(NUM_ITEMS, DIMENSION) / 10
    return items_VD, items_VD / items_VD.square().mean().sqrt()


@pytest.mark.parametrize("t", [0, 8, 31])
def test_the_posterior_is_bayes_rule_over_the_items(
    t: int, diffusion: Diffusion, tables: tuple[Tensor, Tensor]
) -> None:
    items_VD, clean_VD = tables
    output, index = torch.randn(3, DIMENSION), torch.full((3,), t)
    noisy = diffusion.add_noise(clean_VD[:3], index, torch.randn(3, DIMENSION))
    scale = diffusion.noise_scale_T[t].double()
    mean_VD = (diffusion.clean_scale_T[t] * clean_VD).double()
    chances = [
        torch.softmax(
            torch.stack(
                [
                    (output[row] @ items_VD[item]).double()
                    + torch.distributions.Normal(mean_VD[item], scale).log_prob(noisy[row].double()).sum()
                    for item in range(NUM_ITEMS)
                ]
            ),
            dim=0,
        ).float()
        for row in range(3)
    ]
    left, right = Posterior(diffusion).logits(output, noisy, index, *tables)
    torch.testing.assert_close(torch.softmax(left @ right.T, dim=-1), torch.stack(chances), rtol=1e-3, atol=1e-5)
    clean = Posterior(diffusion).clean(output, noisy, index, *tables)
    torch.testing.assert_close(clean, torch.stack(chances) @ clean_VD, rtol=1e-3, atol=1e-4)


def test_the_posterior_finds_the_item_at_the_least_noise_and_the_ranker_alone_at_the_most(
    diffusion: Diffusion, tables: tuple[Tensor, Tensor]
) -> None:
    posterior, output = Posterior(diffusion), torch.randn(DIMENSION)
    noise = torch.randn(DIMENSION)
    for t, expected in ((0, tables[1][4]), (31, torch.softmax(output @ tables[0].T, dim=-1) @ tables[1])):
        noisy = diffusion.add_noise(tables[1][4], torch.tensor(t), noise)
        clean = posterior.clean(output, noisy, torch.tensor(t), *tables)
        torch.testing.assert_close(clean, expected, rtol=0.05, atol=0.05)


def test_the_answer_ranks_as_the_logits_where_items_are_of_one_length(
    diffusion: Diffusion, tables: tuple[Tensor, Tensor]
) -> None:
    items_VD = torch.nn.functional.normalize(tables[0], dim=-1)
    clean_VD = items_VD / items_VD.square().mean().sqrt()
    given = torch.randn(3, DIMENSION), torch.randn(3, DIMENSION), torch.tensor([0, 8, 31]), items_VD, clean_VD
    left, right = Posterior(diffusion).logits(*given)
    answer = Posterior(diffusion).answer(*given)
    assert torch.equal((answer @ items_VD.T).argsort(), (left @ right.T).argsort())


def test_the_evidence_moves_no_embedding(diffusion: Diffusion, tables: tuple[Tensor, Tensor]) -> None:
    items_VD = tables[0].clone().requires_grad_()
    output = torch.zeros(2, DIMENSION)
    left, right = Posterior(diffusion).logits(
        output, torch.randn(2, DIMENSION), torch.tensor([0, 8]), items_VD, items_VD
    )
    (gradient,) = torch.autograd.grad((left @ right.T).square().sum(), items_VD)
    assert not gradient.any()  # an output of zeros asks for none either


def test_the_output_itself_is_all_three_where_it_is_direct(diffusion: Diffusion, tables: tuple[Tensor, Tensor]) -> None:
    given = torch.randn(3, DIMENSION), torch.randn(3, DIMENSION), torch.tensor([0, 8, 31]), *tables
    direct = Direct(diffusion)
    assert direct.clean(*given) is direct.answer(*given) is direct.logits(*given)[0] is given[0]
    assert direct.logits(*given)[1] is tables[0]
