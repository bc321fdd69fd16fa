"""What is left of condition, noisy vector and time where one part of a conditioning says nothing."""

import torch

from adrec.diffusion.conditioning import CrossAttention, GatedSum


def test_a_closed_gate_lets_nothing_of_the_noise_through() -> None:
    conditioning = GatedSum(6)
    condition, noisy, time = torch.randn(3, 4, 6)
    with torch.no_grad():
        conditioning.gate.weight.zero_()
        conditioning.gate.bias.fill_(-100)
        torch.testing.assert_close(conditioning.join(condition, noisy, time), condition + time)


def test_an_open_gate_lets_all_of_the_noise_through() -> None:
    conditioning = GatedSum(6)
    condition, noisy, time = torch.randn(3, 4, 6)
    with torch.no_grad():
        conditioning.gate.weight.zero_()
        conditioning.gate.bias.fill_(100)
        expected = condition + conditioning.project(noisy) + time
        torch.testing.assert_close(conditioning.join(condition, noisy, time), expected)


def test_what_asks_is_left_where_attention_finds_nothing() -> None:
    conditioning = CrossAttention(6, 2, 0.0)
    condition, noisy, time = torch.randn(3, 2, 4, 6)
    with torch.no_grad():
        conditioning.attention.output.weight.zero_()
        conditioning.attention.output.bias.zero_()
        found = conditioning(condition, noisy, time, torch.ones(2, 1, 4, 4, dtype=torch.bool).tril())
    torch.testing.assert_close(found, torch.nn.functional.layer_norm(noisy + time, (6,)))
