"""The networks, against the plainest way to compute the same."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from adrec import config
from adrec.data.histories import Histories
from adrec.diffusion.timesteps import LEVELS
from adrec.evaluation.ranking import padded
from adrec.nn.batches import DeviceHistories, pack, shuffled
from adrec.recommenders.adrec import ADRec, Sampler
from adrec.recommenders.sasrec import SASRec
from adrec.training.trainer import Objective

NUM_ITEMS = 40
LAMBDA = 0.5  # large enough for every reverse step to matter
VARIANTS: dict[str, dict[str, Any]] = {
    "released": {},
    "sink": {"attention": "sink"},
    "positions": {"positions": "learned"},
    "no encoder": {"encoder_blocks": 0},
    "perceptron": {"denoiser": "perceptron"},
    "cross-attention": {"conditioning": "cross_attention"},
    "cross-attention in sink": {"conditioning": "cross_attention", "attention": "sink"},
    "geodesic": {"noise": "geodesic"},
    "denoising": {
        "latent": "standardised",
        "conditioning": "projected_sum",
        "levels": "half_from_noise",
        "output": "linear",
    },
    "expecting": {"latent": "standardised", "conditioning": "gated_sum", "estimate": "posterior"},
}


@pytest.fixture
def small(tiny: dict[str, config.Section]) -> config.Model:
    return tiny["model"]


@pytest.fixture
def histories() -> Histories:
    sizes = np.array([2, 3, 7, 12, 5])
    items = np.random.default_rng(0).integers(1, NUM_ITEMS + 1, size=sizes.sum()).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    return Histories(tuple("abcde"), items, np.zeros(len(items), np.int64), offsets)


def build(network: type, small: config.Model, seed: int = 0, **changes: object) -> SASRec | ADRec:
    torch.manual_seed(seed)
    return network(replace(small, conditioning_scale=LAMBDA, **changes), NUM_ITEMS).eval()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("network", "steps"), [(SASRec, 4), (ADRec, 4), (ADRec, 2), (ADRec, 1)])
def test_an_answer_does_not_depend_on_who_else_is_in_the_batch(
    network: type, steps: int, variant: str, small: config.Model, histories: Histories
) -> None:
    model = build(network, small, **VARIANTS[variant]).in_steps(steps)
    together = model.represent(*padded(histories, np.arange(5), 12))
    alone = torch.cat([model.represent(*padded(histories, np.array([user]), 12)) for user in range(5)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model.represent(*padded(histories, np.arange(5), 12)), together, rtol=0, atol=0)


@pytest.mark.parametrize("network", [SASRec, ADRec])
def test_no_position_sees_a_later_item(network: type, small: config.Model) -> None:
    model = build(network, small)
    outputs = []
    for items in ([3, 1, 4, 1, 5], [3, 1, 4, 9, 2]):
        layout, items_M = model.pack_histories(torch.tensor([items]), torch.tensor([5]))
        mask = model.padding.over_rows(layout)
        hidden = model(items_M, layout) if network is SASRec else model.condition(items_M, layout, mask)
        outputs.append(hidden[0])
    torch.testing.assert_close(outputs[0][:3], outputs[1][:3])
    assert (outputs[0][3:] - outputs[1][3:]).abs().min(dim=1).values.max() > 0


def naive_denoising(model: ADRec, history: torch.Tensor) -> torch.Tensor:
    """The reverse process as the authors run it: the denoiser over all positions at every step, the history clean."""
    layout, items = model.pack_histories(history[None], torch.tensor([len(history)]))
    mask, num_sink_tokens = model.padding.over_rows(layout), model.padding.num_sink_tokens
    condition = model.condition(items, layout, mask)
    start, *noises = Sampler(model).noise_SD
    known = model.clean(torch.cat([torch.zeros(num_sink_tokens, dtype=torch.long), history[1:]]))
    noisy = start[None]
    for step, noise in zip(model.reversal, [*noises, torch.zeros_like(start)], strict=True):
        positions = torch.cat([known, noisy])[None]
        times = torch.zeros(1, num_sink_tokens + len(history), dtype=torch.long)
        times[0, -1] = step.t
        mixed = model.conditioning(condition, positions, model.time_embedding(times), mask)
        output = model.output(model.denoiser(mixed, mask))[:, -1]
        given = output, noisy, torch.tensor(step.t), *model.candidates()
        clean = model.estimate.clean(*given)
        noisy = step.draw(clean, noisy, model.noise(clean, noise))
    return model.estimate.answer(*given)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("steps", [4, 2, 1])
def test_cached_keys_and_values_give_what_the_whole_network_gives(
    steps: int, variant: str, small: config.Model, histories: Histories
) -> None:
    model = build(ADRec, small, **VARIANTS[variant]).in_steps(steps)
    assert isinstance(model, ADRec)
    cached = model.represent(*padded(histories, np.arange(5), 12))
    with torch.no_grad():
        naive = torch.cat([naive_denoising(model, torch.from_numpy(items.astype(np.int64))) for items in histories])
    torch.testing.assert_close(cached, naive, rtol=1e-4, atol=1e-5)
    items = model.item_embedding.weight[1:]
    assert torch.equal((cached @ items.T).topk(20).indices, (naive @ items.T).topk(20).indices)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_history_of_one_item_is_answered_by_what_the_whole_network_gives(variant: str, small: config.Model) -> None:
    model = build(ADRec, small, **VARIANTS[variant])
    assert isinstance(model, ADRec)
    history = torch.tensor([3])
    with torch.no_grad():
        naive = naive_denoising(model, history)
    torch.testing.assert_close(model.represent(history[None], torch.tensor([1])), naive, rtol=1e-4, atol=1e-5)
    two = torch.tensor([[3], [5]])
    torch.testing.assert_close(model.represent(two, torch.tensor([1, 1]))[:1], naive, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))])
def test_every_variant_learns(seed: int, variant: str, small: config.Model, histories: Histories) -> None:
    """Measured where nothing is left of the target, before and after by the same noise.

    At less noise an estimate by Bayes' rule has next to no loss to begin with, and what it has is the noise's luck.
    """
    changes = {"diffusion_steps": 32, "dropout": 0.0, "embedding_dropout": 0.0, **VARIANTS[variant]}
    model = build(ADRec, small, seed, **changes)
    batch = pack(DeviceHistories.of(histories, 64), np.arange(5), 64, model.padding.num_sink_tokens)
    last, noise = torch.full((len(batch.items_M),), 31), torch.randn(len(batch.items_M), small.dimension)
    before = model.eval().losses_given(batch, last, noise)
    optimizer = torch.optim.Adam(model.train().parameters(), lr=0.005)
    for _ in range(60):
        optimizer.zero_grad()
        sum(model.losses(batch).values()).backward()
        optimizer.step()
    missing = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert not missing
    for name, value in model.eval().losses_given(batch, last, noise).items():
        assert value < 0.7 * before[name], name


def test_a_standardised_latent_is_not_moved_by_the_denoising_error(small: config.Model, histories: Histories) -> None:
    model = build(ADRec, small, latent="standardised")
    clean = model.clean(torch.arange(1, NUM_ITEMS + 1))
    assert not clean.requires_grad
    assert clean.square().mean().sqrt().item() == pytest.approx(1, rel=0.05)
    assert build(ADRec, small).clean(torch.arange(3)).requires_grad


def test_the_network_may_be_told_another_index(small: config.Model, histories: Histories) -> None:
    model = build(ADRec, small, **VARIANTS["expecting"])
    batch = pack(DeviceHistories.of(histories, 64), np.arange(5), 64, model.padding.num_sink_tokens)
    t, noise = torch.zeros(len(batch.items_M), dtype=torch.long), torch.randn(len(batch.items_M), small.dimension)
    as_it_is, noisy, clean = model.denoise(batch, t, noise)
    torch.testing.assert_close(model.denoise(batch, t, noise, t)[0], as_it_is)
    assert not torch.allclose(model.denoise(batch, t, noise, t + 1)[0], as_it_is)
    torch.testing.assert_close(clean, model.clean(batch.targets_M))
    torch.testing.assert_close(noisy, model.diffusion.add_noise(clean, t, noise))


def test_a_network_answers_in_the_reverse_steps_of_its_configuration(small: config.Model) -> None:
    assert [len(build(ADRec, small, reverse_steps=steps).reversal) for steps in (0, 1, 3)] == [4, 1, 3]
    with pytest.raises(ValueError, match=r"model\.reverse_steps = 5 must be at most model\.diffusion_steps = 4"):
        build(ADRec, small, reverse_steps=5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_empty_rows_change_no_loss(variant: str, small: config.Model, histories: Histories) -> None:
    model = build(ADRec, small, **VARIANTS[variant])
    resident, users = DeviceHistories.of(histories, 64), np.arange(5)
    tight, rounded = (
        pack(resident, users, 64, model.padding.num_sink_tokens, multiple=multiple) for multiple in (1, 16)
    )
    assert len(tight.layout.segments_RW) < len(rounded.layout.segments_RW) == 16
    found = []
    for batch in (tight, rounded):
        torch.manual_seed(0)
        found.append(model.losses(batch))
    torch.testing.assert_close(*found)


def test_only_tokens_from_pure_noise_are_ranked_where_levels_say_so(small: config.Model) -> None:
    t, stride = LEVELS["half_from_noise"](1001, small.diffusion_steps, torch.device("cpu"))
    assert (t[::stride] == small.diffusion_steps - 1).all()
    assert set(t[1::stride].tolist()) == set(range(small.diffusion_steps))


def test_training_in_lower_precision_gives_nearly_the_same_loss(small: config.Model, histories: Histories) -> None:
    model = build(ADRec, small)
    batch = pack(DeviceHistories.of(histories, 64), np.arange(5), 64)
    found = []
    for precision in (torch.float32, torch.bfloat16):
        torch.manual_seed(0)
        found.append(Objective(model, precision)(batch))
    for name in found[0]:
        assert found[0][name].item() == pytest.approx(found[1][name].item(), rel=0.02)
        assert found[0][name].item() != found[1][name].item()
        assert found[1][name].dtype == torch.float32


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("network", [SASRec, ADRec])
def test_training_reads_no_value_back_from_the_device(
    network: type, variant: str, small: config.Model, histories: Histories, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that reads a value waits for it. On torch's meta device there are none to read: who tries, fails."""
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: False)  # unknown there
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    meta = torch.device("meta")
    model = build(network, small, **VARIANTS[variant]).to(meta)
    batches = list(
        shuffled(
            DeviceHistories.of(histories, 12, meta),
            2,
            np.random.default_rng(0),
            num_sink_tokens=model.padding.num_sink_tokens,
        )
    )
    for batch in batches:
        sum(model.losses(batch).values()).backward()
    assert len(batches) == 3
    assert {parameter.grad.device for parameter in model.parameters() if parameter.grad is not None} == {meta}


@pytest.fixture
def two_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_are_repeated_bit_for_bit_by_several_threads(
    variant: str, small: config.Model, two_threads: None
) -> None:
    model = build(ADRec, small, **VARIANTS[variant])
    items = np.random.default_rng(0).integers(1, NUM_ITEMS + 1, size=300 * 13).astype(np.int32)
    many = Histories(tuple(map(str, range(300))), items, np.zeros(len(items), np.int64), np.arange(301) * 13)
    batch = pack(DeviceHistories.of(many, 12), np.arange(300), 12, model.padding.num_sink_tokens)
    found = []
    for _ in range(3):
        torch.manual_seed(0)
        model.zero_grad()
        sum(model.losses(batch).values()).backward()
        found.append(torch.cat([parameter.grad.flatten() for parameter in model.parameters()]))
    assert all(torch.equal(again, found[0]) for again in found[1:])


def test_padding_gets_no_gradient(small: config.Model, histories: Histories) -> None:
    model = build(ADRec, small).train()
    sum(model.losses(pack(DeviceHistories.of(histories, 64), np.arange(5), 64)).values()).backward()
    gradient = model.item_embedding.weight.grad
    assert gradient is not None
    assert gradient[0].abs().max() == 0
    assert gradient[1:].abs().max() > 0


def test_the_parameters_are_as_many_as_the_released_code_has(params: dict[str, config.Section]) -> None:
    """1,054,208 on MovieLens-100K: 1,008 items and the padding row, four blocks, time perceptron, one norm."""
    assert sum(p.numel() for p in ADRec(params["model"], 1008).parameters()) == 1_054_208


@pytest.mark.parametrize("network", [SASRec, ADRec])
def test_random_item_embeddings_have_the_standard_deviation_asked_for(network: type, small: config.Model) -> None:
    for std in (0.02, 0.1):
        table = build(network, small, initial_std=std).item_embedding.weight
        assert table.std().item() == pytest.approx(std, rel=0.1)
