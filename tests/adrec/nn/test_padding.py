"""Both ways to treat padding, against the plainest network that really pads: left, to the full length, in a loop."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adrec import config
from adrec.data.histories import Histories
from adrec.evaluation.ranking import padded
from adrec.nn.attention import Attention
from adrec.nn.batches import Batch, DeviceHistories, pack
from adrec.nn.padding import PADDINGS
from adrec.nn.transformer import Block, Encoder
from adrec.recommenders.adrec import ADRec, Sampler
from adrec.recommenders.registry import NETWORKS, network_class
from adrec.recommenders.sasrec import SASRec

NUM_ITEMS = 40
LENGTH = 12
WIDTH = 64
SIZES = np.array([2, 3, 7, 13, 5, 13, 4, 9, 12, 2])  # of 13 items the first 12 are the input: no padding at all

Network = SASRec | ADRec


@pytest.fixture
def histories() -> Histories:
    items = np.random.default_rng(0).integers(1, NUM_ITEMS + 1, size=SIZES.sum()).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(SIZES)])
    return Histories(tuple(map(str, range(len(SIZES)))), items, np.zeros(len(items), np.int64), offsets)


def build(name: str, attention: str, model: config.Model) -> Network:
    """A network without dropout in which nothing is zero, one or negligible by its initialisation."""
    torch.manual_seed(0)
    network = network_class(name)(
        replace(model, attention=attention, max_length=LENGTH, conditioning_scale=0.5), NUM_ITEMS
    )
    with torch.no_grad():
        network.item_embedding.weight.normal_(std=0.3)
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    assert isinstance(network, SASRec | ADRec)
    return network.eval()


def attend(attention: Attention, x_BLD: Tensor, real_BL: Tensor, name: str) -> Tensor:
    """Attention by its definition: `sink` as the released code masks (queries), `masked` as the paper's text says."""
    query, key, value = (
        projection(x_BLD).unflatten(-1, (attention.heads, -1)).transpose(1, 2)
        for projection in (attention.query, attention.key, attention.value)
    )
    scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    if name == "sink":
        scores = scores.masked_fill(~real_BL[:, None, :, None], -1e9)
    else:
        itself = torch.eye(x_BLD.shape[1], dtype=torch.bool)
        scores = scores.masked_fill(~(real_BL[:, None, None, :] | itself), -torch.inf)
    scores = scores + torch.full(scores.shape[-2:], -torch.inf).triu(1)
    return attention.output((scores.softmax(-1) @ value).transpose(1, 2).flatten(2))


def encode(encoder: Encoder, x_BLD: Tensor, real_BL: Tensor, name: str) -> Tensor:
    for block in encoder.blocks:
        assert isinstance(block, Block)
        x_BLD = block.attention_norm(x_BLD + attend(block.attention, x_BLD, real_BL, name))
        widened = F.gelu(block.widen(x_BLD), approximate="tanh")
        x_BLD = block.feed_forward_norm(x_BLD + block.narrow(widened))
    return x_BLD


def embed(network: Network, items_BL: Tensor) -> Tensor:
    """Lookups give the padding row no gradient."""
    return F.embedding(items_BL, network.item_embedding.weight, padding_idx=0)


def condition(network: Network, items_BL: Tensor, name: str) -> Tensor:
    return encode(network.encoder, network.norm(embed(network, items_BL)), items_BL > 0, name)


def mix(network: ADRec, condition: Tensor, noisy: Tensor, t: Tensor) -> Tensor:
    return condition + 0.5 * (noisy + network.time_embedding(t))


def left_padded(sequences: list[np.ndarray]) -> Tensor:
    rows = [np.concatenate([np.zeros(LENGTH - len(items), np.int64), items.astype(np.int64)]) for items in sequences]
    return torch.from_numpy(np.stack(rows))


def padded_losses(network: Network, histories: Histories, name: str, noise: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    items_BL = left_padded([items[:-1] for items in histories])
    targets_BL = left_padded([items[1:] for items in histories])
    x_BLD = condition(network, items_BL, name)
    real_BL = targets_BL > 0
    clean_BLD = embed(network, targets_BL)
    if isinstance(network, ADRec):
        t_BL, noise_BLD = noise
        scales = network.diffusion.clean_scale_T[t_BL], network.diffusion.noise_scale_T[t_BL]
        noisy_BLD = scales[0][..., None] * clean_BLD + scales[1][..., None] * noise_BLD
        noisy_BLD = torch.where(real_BL[..., None], noisy_BLD, clean_BLD)
        x_BLD = encode(network.denoiser, mix(network, x_BLD, noisy_BLD, t_BL * real_BL), real_BL, name)
    first = {"sink": 0, "masked": 1}[name]  # the released code has a class for padding
    logits = x_BLD[real_BL] @ network.item_embedding.weight[first:].T
    ce = F.cross_entropy(logits, targets_BL[real_BL] - first)
    if isinstance(network, SASRec):
        return {"ce": ce}
    error_BL = (x_BLD - clean_BLD).square().mean(-1) * real_BL
    return {"ce": ce, "mse": (error_BL.sum(1) / real_BL.sum(1)).mean()}


def packed_losses(network: Network, batch: Batch, noise: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """Our losses, with each token given the noise that it has in the padded layout."""
    if isinstance(network, SASRec):
        return network.losses(batch)
    own_BL = torch.arange(LENGTH) >= LENGTH - torch.from_numpy(SIZES - 1)[:, None]
    t_BL, noise_BLD = noise
    return network.losses_given(batch, t_BL[own_BL], noise_BLD[own_BL])


def gradients(network: nn.Module, loss: Tensor) -> dict[str, Tensor]:
    network.zero_grad()
    loss.backward(retain_graph=True)
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


@pytest.fixture
def noise(tiny: dict[str, config.Section]) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    model = tiny["model"]
    assert isinstance(model, config.Model)
    shape = (len(SIZES), LENGTH)
    return torch.randint(model.diffusion_steps, shape), torch.randn(*shape, model.dimension)


@pytest.mark.parametrize("attention", PADDINGS)
@pytest.mark.parametrize("name", NETWORKS)
def test_packed_rows_give_the_losses_and_all_gradients_of_real_padding(
    name: str, attention: str, tiny: dict, histories: Histories, noise: tuple[Tensor, Tensor]
) -> None:
    network = build(name, attention, tiny["model"])
    batch = pack(DeviceHistories.of(histories, LENGTH), np.arange(len(SIZES)), WIDTH, network.padding.num_sink_tokens)
    packed = packed_losses(network, batch, noise)
    plain = padded_losses(network, histories, attention, noise)
    assert packed.keys() == plain.keys()
    for loss in packed:
        assert packed[loss].item() == pytest.approx(plain[loss].item(), rel=1e-5)
        found, expected = gradients(network, packed[loss]), gradients(network, plain[loss])
        largest = max(float(gradient.abs().max()) for gradient in expected.values())
        for parameter, gradient in expected.items():
            torch.testing.assert_close(
                found[parameter], gradient, rtol=1e-5, atol=1e-5 * largest, msg=f"{loss} {parameter}"
            )


def padded_answer(network: Network, items_1L: Tensor, name: str) -> Tensor:
    """What the released code computes for one history: the whole network at every reverse step."""
    x_1LD = condition(network, items_1L, name)
    if isinstance(network, SASRec):
        return x_1LD[:, -1]
    start, *noises = Sampler(network).noise_SD
    n = int((items_1L > 0).sum())
    known_1L = items_1L.roll(-1, dims=1)
    known_1L[:, : LENGTH - n] = 0  # only tokens have a target; the last one's is unknown
    noisy = start[None]
    for step, noise in zip(network.reversal, [*noises, torch.zeros_like(start)], strict=True):
        positions = torch.cat([embed(network, known_1L)[:, :-1], noisy[:, None]], dim=1)
        times = torch.zeros(1, LENGTH, dtype=torch.long)
        times[0, -1] = step.t
        clean = encode(network.denoiser, mix(network, x_1LD, positions, times), items_1L > 0, name)[:, -1]
        noisy = step.draw(clean, noisy, noise)
    return noisy


@pytest.mark.parametrize("attention", PADDINGS)
@pytest.mark.parametrize("name", NETWORKS)
def test_answers_are_those_of_real_padding(name: str, attention: str, tiny: dict, histories: Histories) -> None:
    network = build(name, attention, tiny["model"])
    found = network.represent(*padded(histories, np.arange(len(SIZES)), LENGTH))
    with torch.no_grad():
        plain = [padded_answer(network, left_padded([items[-LENGTH:]]), attention) for items in histories]
    torch.testing.assert_close(found, torch.cat(plain), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_ways_differ_only_where_there_is_padding(name: str, tiny: dict, histories: Histories) -> None:
    examples = padded(histories, np.arange(len(SIZES)), LENGTH)
    masked, sink = (build(name, attention, tiny["model"]).represent(*examples) for attention in PADDINGS)
    full = torch.from_numpy(SIZES >= LENGTH)
    torch.testing.assert_close(masked[full], sink[full], rtol=1e-5, atol=1e-5)
    assert (masked - sink)[~full].abs().amax(dim=1).min() > 1e-3
