"""The two networks: SASRec, which pre-trains the item embeddings, and ADRec itself.

Legend: B users, L positions, D width, V items, T diffusion steps, S of them in the reverse process; R rows of W packed
tokens, M of them real. Both networks give `losses(batch)` for training and `represent(items, lengths)`, the vector
whose inner products with the item embeddings rank the catalogue.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn

from adrec import losses
from adrec.batches import Batch
from adrec.config import Model as ModelConfig
from adrec.diffusion import Diffusion
from adrec.encoder import Encoder
from adrec.layout import Layout
from adrec.schedule import SCHEDULES

SASREC_STD = 0.1
TIME_SCALE = 1000  # time is measured in thousandths of the process, whatever T is
SAMPLING_SEED = 2025  # the reverse process is random, but the same request gets the same answer


class Network(nn.Module, ABC):
    """What training, evaluation and serving need of a network."""

    item_embedding: nn.Embedding

    @abstractmethod
    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Named scalar losses of a batch; training minimises their sum."""

    @abstractmethod
    def represent(self, items_BL: Tensor, lengths_B: Tensor) -> Tensor:
        """One vector [B, D] per history of item numbers, right-padded with 0; in evaluation mode."""

    def in_steps(self, steps: int) -> Self:
        """This network, answering by that many reverse steps from now on; one without a reverse process needs none."""
        return self


class SASRec(Network):
    """A causal transformer without positions (Kang and McAuley, 2018, as ADRec's first stage runs it)."""

    def __init__(
        self,
        num_items: int,
        dimension: int,
        heads: int,
        blocks: int,
        dropout: float,
        embedding_dropout: float,
    ) -> None:
        super().__init__()
        self.item_embedding = nn.Embedding(num_items + 1, dimension)
        self.norm = nn.LayerNorm(dimension)
        self.dropout = nn.Dropout(embedding_dropout)
        self.encoder = Encoder(blocks, dimension, heads, dropout)
        self.apply(_small_normal)

    def forward(self, items_BL: Tensor, mask_B1LL: Tensor | None = None) -> Tensor:
        """Output vectors [B, L, D], each the prediction of the item that follows."""
        return self.encoder(self.dropout(self.norm(self.item_embedding(items_BL))), mask_B1LL)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The cross-entropy of the next items."""
        x_MD = self(batch.items_RW, batch.mask_R1WW)[batch.real_RW]
        targets_M = batch.targets_RW[batch.real_RW]
        return {"ce": losses.next_item(x_MD, targets_M, self.item_embedding.weight[1:])}

    @torch.no_grad()
    def represent(self, items_BL: Tensor, lengths_B: Tensor) -> Tensor:
        """The output at each history's last item, [B, D]."""
        return _at_last(self(items_BL), lengths_B)


class ADRec(Network):
    """Auto-regression and token-level diffusion (Chen et al., KDD 2025).

    A causal encoder turns the history into a condition for each position; a causal denoiser recovers, at each
    position, the next item's embedding from a noised one. Noise levels are drawn independently for each token.
    """

    def __init__(
        self,
        num_items: int,
        dimension: int,
        heads: int,
        encoder_blocks: int,
        denoiser_blocks: int,
        dropout: float,
        embedding_dropout: float,
        diffusion: Diffusion,
        conditioning_scale: float,
    ) -> None:
        super().__init__()
        self.item_embedding = nn.Embedding(num_items + 1, dimension)
        self.norm = nn.LayerNorm(dimension, eps=1e-12)
        self.dropout = nn.Dropout(embedding_dropout)
        self.encoder = Encoder(encoder_blocks, dimension, heads, dropout)
        self.denoiser = Encoder(denoiser_blocks, dimension, heads, dropout)
        for stack in (self.encoder, self.denoiser):
            stack.apply(_xavier)
        self.diffusion = diffusion
        self.reversal = diffusion.reversal(diffusion.steps)
        self.time_embedding = TimeEmbedding(diffusion.steps, dimension)
        self.conditioning_scale = conditioning_scale

    def condition(self, items_BL: Tensor, mask_B1LL: Tensor | None = None) -> Tensor:
        """What the encoder makes of the history, [B, L, D]."""
        return self.encoder(self.norm(self.dropout(self.item_embedding(items_BL))), mask_B1LL)

    def in_steps(self, steps: int) -> Self:
        """Denoise in `steps` of the T steps from now on; raises as `Diffusion.reversal`."""
        self.reversal = self.diffusion.reversal(steps)
        return self

    def mix(self, condition: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        """The denoiser's input z = c + lambda (x_t + time(t)), all [..., D]."""
        return torch.add(condition, noisy + time, alpha=self.conditioning_scale)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of the next items and squared error of their embeddings, both from the denoised vectors."""
        mask_R1WW, real_RW = batch.mask_R1WW, batch.real_RW
        clean_RWD = self.item_embedding(batch.targets_RW)
        t_RW = torch.randint(self.diffusion.steps, clean_RWD.shape[:2], device=clean_RWD.device)
        noisy_RWD = self.diffusion.diffuse(clean_RWD, t_RW, torch.randn_like(clean_RWD))
        time_TD = self.time_embedding(torch.arange(self.diffusion.steps, device=t_RW.device))
        mixed_RWD = self.mix(self.condition(batch.items_RW, mask_R1WW), noisy_RWD, time_TD[t_RW])
        predicted_MD = self.denoiser(mixed_RWD, mask_R1WW)[real_RW]
        return {
            "ce": losses.next_item(predicted_MD, batch.targets_RW[real_RW], self.item_embedding.weight[1:]),
            "mse": losses.denoising(predicted_MD, clean_RWD[real_RW], batch.shares_RW[real_RW]),
        }

    @torch.no_grad()
    def represent(self, items_BL: Tensor, lengths_B: Tensor) -> Tensor:
        """Denoise the item that follows each history, [B, D], from pure noise by the steps of `reversal`.

        Only the last position is unknown. Those before it hold known items, kept clean at t = 0, so the denoiser's
        keys and values there are computed once, over rows without padding.
        """
        layout = Layout.of(lengths_B, items_BL.shape[1])
        items_RL = layout.pack(items_BL)
        condition_RLD = self.condition(items_RL, layout.mask_R1LL)
        condition_BD = condition_RLD.flatten(0, 1)[_at_last(layout.spot_BL, lengths_B)]
        time_SD = self.time_embedding(torch.tensor([step.t for step in self.reversal], device=items_BL.device))
        following_RLD = self.item_embedding(items_RL.roll(-1, dims=1))  # wrong at last positions, which are not kept
        pasts = self.denoiser.remember(self.mix(condition_RLD, following_RLD, time_SD[-1]), layout, lengths_B)
        noise_SD = self._noise(condition_BD)
        noisy_BD = noise_SD[0].expand_as(condition_BD)
        for step, time_D, noise_D in zip(self.reversal, time_SD, noise_SD.roll(-1, 0), strict=True):
            clean_BD = self.denoiser.step(self.mix(condition_BD, noisy_BD, time_D), pasts)
            noisy_BD = step.draw(clean_BD, noisy_BD, noise_D)
        return noisy_BD

    def _noise(self, like_BD: Tensor) -> Tensor:
        """Gaussian noise [S, D]: where the reverse process starts, then that of all steps but the last, without noise.

        All users share it, so that no answer depends on its batch.
        """
        generator = torch.Generator().manual_seed(SAMPLING_SEED)
        return torch.randn(len(self.reversal), like_BD.shape[1], generator=generator).flip(0).to(like_BD)


class TimeEmbedding(nn.Module):
    """Sinusoids of the step index through a two-layer perceptron."""

    features_TD: Tensor

    def __init__(self, steps: int, dimension: int) -> None:
        super().__init__()
        half = dimension // 2
        frequency = torch.exp(-math.log(10_000) * torch.arange(half) / half)
        angle = torch.arange(steps)[:, None] * (TIME_SCALE / steps) * frequency
        self.register_buffer("features_TD", torch.cat([angle.cos(), angle.sin()], dim=-1), persistent=False)
        self.widen = nn.Linear(dimension, 4 * dimension)
        self.narrow = nn.Linear(4 * dimension, dimension)

    def forward(self, t: Tensor) -> Tensor:
        """Embeddings [..., D] of step indices [...]; there are only T, so ask once for each, not for each token."""
        return self.narrow(nn.functional.silu(self.widen(self.features_TD[t])))


def sasrec(config: ModelConfig, num_items: int) -> SASRec:
    """Build the first stage's network."""
    return SASRec(
        num_items=num_items,
        dimension=config.dimension,
        heads=config.heads,
        blocks=config.encoder_blocks,
        dropout=config.dropout,
        embedding_dropout=config.embedding_dropout,
    )


def adrec(config: ModelConfig, num_items: int) -> ADRec:
    """Build the network of the second and third stages."""
    return ADRec(
        num_items=num_items,
        dimension=config.dimension,
        heads=config.heads,
        encoder_blocks=config.encoder_blocks,
        denoiser_blocks=config.denoiser_blocks,
        dropout=config.dropout,
        embedding_dropout=config.embedding_dropout,
        diffusion=Diffusion(SCHEDULES[config.schedule](config.diffusion_steps)),
        conditioning_scale=config.conditioning_scale,
    )


NETWORKS: dict[str, Callable[[ModelConfig, int], Network]] = {"sasrec": sasrec, "adrec": adrec}


def _at_last(x_BL: Tensor, lengths_B: Tensor) -> Tensor:
    """What [B, ...] stands at each history's last position in [B, L, ...]."""
    return x_BL[torch.arange(len(x_BL), device=x_BL.device), lengths_B - 1]


def _small_normal(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=SASREC_STD)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


def _xavier(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_normal_(module.weight)
