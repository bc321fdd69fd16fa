"""What an ADRec is as a denoiser: how well it recovers a next item's vector from each noise level, and from what.

Only each user's last token is noised, as when the network answers; those before it stay at the least noise.

Legend: U users, M tokens, D width, V items.
"""

import numpy as np
import torch
from torch import Tensor

from adrec.data.dataset import Dataset
from adrec.evaluation.metrics import rank
from adrec.nn.batches import Batch, DeviceHistories, shuffled
from adrec.recommenders.adrec import ADRec

BATCH_SIZE = 512
LEVELS = 5  # noise levels measured, from the least to the last
TOP = 20


def indices(steps: int) -> list[int]:
    """Those measured, of `steps`."""
    return sorted({round(index) for index in np.linspace(0, steps - 1, LEVELS)})


@torch.inference_mode()
def by_level(network: ADRec, data: Dataset, max_length: int, seed: int) -> dict[str, dict[str, float]]:
    """Figures by step index, over all users with their test items.

    Returns:
        For each index: `mse` of the prediction; `mse_rescaled`, after the one factor that suits it best; `mse_of_zero`
        and `mse_of_constant`, of answering with zero and with the mean target; `by_noise` and `by_level`, the root mean
        square of what other noise and being told another index change, as a share of the prediction's; `HR@20`, where
        the catalogue is ranked by closeness to the prediction.
    """
    resident = DeviceHistories.of(data.histories, max_length, network.item_embedding.weight.device)
    random = np.random.default_rng(seed)
    batches = list(shuffled(resident, BATCH_SIZE, random, num_sink_tokens=network.padding.num_sink_tokens))
    table_VD = network.clean(torch.arange(1, network.item_embedding.num_embeddings, device=batches[0].items_M.device))
    return {str(t): _figures(network, batches, t, table_VD, seed) for t in indices(network.diffusion.steps)}


def _figures(network: ADRec, batches: list[Batch], t: int, table_VD: Tensor, seed: int) -> dict[str, float]:
    """Those of one index."""
    generator = torch.Generator().manual_seed(seed)
    parts = [_last(network, batch, t, generator) for batch in batches]
    clean_UD, predicted_UD, from_other_UD, told_UD = (torch.cat(part) for part in zip(*parts, strict=True))
    columns_U = torch.cat([batch.targets_M[_ends(batch)] for batch in batches]) - 1
    return summary(clean_UD, predicted_UD, from_other_UD, told_UD, table_VD, columns_U)


def summary(
    clean_UD: Tensor, predicted_UD: Tensor, from_other_UD: Tensor, told_UD: Tensor, table_VD: Tensor, columns_U: Tensor
) -> dict[str, float]:
    """The figures of `by_level`.

    Args:
        clean_UD: the vectors to be recovered.
        predicted_UD: of them.
        from_other_UD: predicted from other noise.
        told_UD: predicted where another index was told.
        table_VD: the clean vectors of all items.
        columns_U: of the targets in it.
    """
    factor = (clean_UD * predicted_UD).sum() / predicted_UD.square().sum()
    return {
        "mse": _mean_square(predicted_UD - clean_UD),
        "mse_rescaled": _mean_square(factor * predicted_UD - clean_UD),
        "mse_of_zero": _mean_square(clean_UD),
        "mse_of_constant": _mean_square(clean_UD - clean_UD.mean(dim=0)),
        "by_noise": (_mean_square(from_other_UD - predicted_UD) / _mean_square(predicted_UD)) ** 0.5,
        "by_level": (_mean_square(told_UD - predicted_UD) / _mean_square(predicted_UD)) ** 0.5,
        "HR@20": float((rank(-torch.cdist(predicted_UD, table_VD), columns_U) < TOP).double().mean()),
    }


def _last(network: ADRec, batch: Batch, t: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Of each user's last token [B, D]: the vector, its prediction, that from other noise, that told another index."""
    ends = _ends(batch)
    t_M, reported_t_M = (torch.zeros(len(batch.items_M), dtype=torch.int64, device=ends.device) for _ in range(2))
    t_M[ends] = t
    reported_t_M[ends] = (t + network.diffusion.steps // 2) % network.diffusion.steps
    noise_MD, other_MD = (
        torch.randn(len(t_M), network.item_embedding.embedding_dim, generator=generator).to(ends.device)
        for _ in range(2)
    )
    tables = network.candidates()

    def predicted(noise_MD: Tensor, reported_t_M: Tensor) -> Tensor:
        output_MD, noisy_MD, _ = network.denoise(batch, t_M, noise_MD, reported_t_M)
        return network.estimate.clean(output_MD[ends], noisy_MD[ends], reported_t_M[ends], *tables)

    clean_BD = network.clean(batch.targets_M[ends])
    return clean_BD, predicted(noise_MD, t_M), predicted(other_MD, t_M), predicted(noise_MD, reported_t_M)


def _ends(batch: Batch) -> Tensor:
    """Where the tokens M of each user end, int64 [B]."""
    return batch.layout.lengths_B.cumsum(0) - 1


def _mean_square(x: Tensor) -> float:
    return float(x.double().square().mean())
