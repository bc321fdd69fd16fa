"""The networks, against the plainest way to compute the same."""

import numpy as np
import pytest
import torch

from adrec import config, losses
from adrec.batches import pack
from adrec.model import ADRec, SASRec, adrec, sasrec
from adrec.ranking import padded
from adrec.sequences import Histories

NUM_ITEMS = 40


@pytest.fixture
def small(tiny: dict[str, config.Section]) -> config.Model:
    return tiny["model"]


@pytest.fixture
def histories() -> Histories:
    sizes = np.array([2, 3, 7, 12, 5])
    items = np.random.default_rng(0).integers(1, NUM_ITEMS + 1, size=sizes.sum()).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    return Histories(tuple("abcde"), items, np.zeros(len(items), np.int64), offsets)


def build(network: type, small: config.Model) -> SASRec | ADRec:
    torch.manual_seed(0)
    made = {SASRec: sasrec, ADRec: adrec}[network](small, NUM_ITEMS).eval()
    with torch.no_grad():  # ADRec's embeddings come from stage 1; here they only have to be of that size
        made.item_embedding.weight.mul_(0.1)
    return made


@pytest.mark.parametrize(("network", "steps"), [(SASRec, 4), (ADRec, 4), (ADRec, 2), (ADRec, 1)])
def test_an_answer_does_not_depend_on_who_else_is_in_the_batch(
    network: type, steps: int, small: config.Model, histories: Histories
) -> None:
    model = build(network, small).in_steps(steps)
    if isinstance(model, ADRec):
        model.conditioning_scale = 0.5
    together = model.represent(*padded(histories, np.arange(5), 12))
    alone = torch.cat([model.represent(*padded(histories, np.array([user]), 12)) for user in range(5)])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(model.represent(*padded(histories, np.arange(5), 12)), together, rtol=0, atol=0)


@pytest.mark.parametrize("network", [SASRec, ADRec])
def test_no_position_sees_a_later_item(network: type, small: config.Model) -> None:
    model = build(network, small)
    items = torch.tensor([[3, 1, 4, 1, 5]])
    changed = torch.tensor([[3, 1, 4, 9, 2]])
    before, after = (model.represent(x, torch.tensor([3])) for x in (items, changed))
    torch.testing.assert_close(before, after)


def naive_denoising(model: ADRec, history: torch.Tensor) -> torch.Tensor:
    """The reverse process as the authors run it: the denoiser over all positions at every step, the history clean."""
    condition = model.condition(history[None])
    start, *noises = model._noise(condition[:, -1])
    known = model.item_embedding(history[None, 1:])
    noisy = start[None]
    for step, noise in zip(model.reversal, [*noises, torch.zeros_like(start)], strict=True):
        positions = torch.cat([known, noisy[:, None]], dim=1)
        times = torch.zeros(1, len(history), dtype=torch.long)
        times[0, -1] = step.t
        clean = model.denoiser(model.mix(condition, positions, model.time_embedding(times)))[:, -1]
        noisy = step.draw(clean, noisy, noise)
    return noisy


@pytest.mark.parametrize("steps", [4, 2, 1])
def test_cached_keys_and_values_give_what_the_whole_network_gives(
    steps: int, small: config.Model, histories: Histories
) -> None:
    model = build(ADRec, small).in_steps(steps)
    assert isinstance(model, ADRec)
    model.conditioning_scale = 0.5  # large enough for every reverse step to matter
    cached = model.represent(*padded(histories, np.arange(5), 12))
    with torch.no_grad():
        naive = torch.cat([naive_denoising(model, torch.from_numpy(items.astype(np.int64))) for items in histories])
    torch.testing.assert_close(cached, naive, rtol=1e-4, atol=1e-5)
    items = model.item_embedding.weight[1:]
    assert torch.equal((cached @ items.T).topk(20).indices, (naive @ items.T).topk(20).indices)


def test_packed_rows_give_the_loss_of_one_history_a_row(small: config.Model, histories: Histories) -> None:
    model = build(SASRec, small)
    packed = model.losses(pack(histories, np.arange(5), 64))["ce"]
    outputs, targets = [], []
    for items in histories:
        sequence = torch.from_numpy(items.astype(np.int64))
        outputs.append(model(sequence[None, :-1])[0])
        targets.append(sequence[1:])
    expected = losses.next_item(torch.cat(outputs), torch.cat(targets), model.item_embedding.weight[1:])
    torch.testing.assert_close(packed, expected)


def test_padding_gets_no_gradient(small: config.Model, histories: Histories) -> None:
    model = build(ADRec, small).train()
    sum(model.losses(pack(histories, np.arange(5), 64)).values()).backward()
    gradient = model.item_embedding.weight.grad
    assert gradient is not None
    assert gradient[0].abs().max() == 0
    assert gradient[1:].abs().max() > 0


def test_a_denoising_error_counts_users_equally_however_long_their_histories() -> None:
    predicted = torch.zeros(4, 2)
    clean = torch.tensor([[1.0, 1.0], [3.0, 3.0], [3.0, 3.0], [3.0, 3.0]])
    shares = torch.tensor([1.0, 1 / 3, 1 / 3, 1 / 3])
    assert losses.denoising(predicted, clean, shares).item() == pytest.approx((1 + 9) / 2)


def test_the_parameters_are_as_many_as_the_released_code_has(params: dict[str, config.Section]) -> None:
    """1,054,208 on MovieLens-100K: 1,008 items and the padding row, four blocks, time perceptron, one norm."""
    assert sum(p.numel() for p in adrec(params["model"], 1008).parameters()) == 1_054_208
