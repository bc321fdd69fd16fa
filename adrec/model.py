"""The two networks: SASRec, which pre-trains the item embeddings, and ADRec itself.

Legend: B users, L positions, D width, V items, T diffusion steps, S of them in the reverse process; M tokens in R rows
of W columns (`adrec.layout`). Both networks give `losses(batch)` for training and, by `prepared()`, what makes of
histories the vectors whose inner products with the item embeddings rank the catalogue.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adrec import losses
from adrec.batches import Batch
from adrec.conditioning import CONDITIONINGS
from adrec.config import Model as ModelConfig
from adrec.denoiser import DENOISERS, OUTPUTS, Denoiser
from adrec.diffusion import NOISES, Diffusion
from adrec.dropout import Dropout
from adrec.encoder import Encoder
from adrec.estimate import ESTIMATES
from adrec.latent import LATENTS
from adrec.layout import Layout
from adrec.levels import LEVELS
from adrec.padding import PADDINGS
from adrec.positions import POSITIONS
from adrec.sampler import SEED, Sampler
from adrec.schedule import SCHEDULES
from adrec.time_embedding import TimeEmbedding

# Of item numbers [B, L], right-padded with 0, and the lengths [B] of the histories: one vector for each, [B, D].
Represent = Callable[[Tensor, Tensor], Tensor]


class Network(nn.Module, ABC):
    """What training, evaluation and serving need of a network."""

    def __init__(self, config: ModelConfig, num_items: int) -> None:
        super().__init__()
        self.item_embedding = nn.Embedding(num_items + 1, config.dimension, padding_idx=0)
        self.positions = POSITIONS[config.positions](config.max_length, config.dimension)
        self.dropout = Dropout(config.embedding_dropout)
        self.padding = PADDINGS[config.attention](config.max_length)

    @abstractmethod
    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Named scalar losses of a batch; training minimises their sum."""

    @abstractmethod
    def prepared(self) -> Represent:
        """What represents histories by this network as it is now, in evaluation mode."""

    def represent(self, items_BL: Tensor, lengths_B: Tensor) -> Tensor:
        """As `prepared`, once."""
        return self.prepared()(items_BL, lengths_B)

    def in_steps(self, steps: int) -> Self:
        """This network, answering by that many reverse steps from now on; one without a reverse process needs none."""
        return self

    def lay_out(self, items_BL: Tensor, lengths_B: Tensor) -> tuple[Layout, Tensor]:
        """Right-padded histories as a ragged batch: its layout, in rows as wide as the longest, and its items [M]."""
        if len(items_BL) == 1:
            length = int(lengths_B)
            return Layout.alone(length, self.padding.lead, items_BL.device), items_BL[0, :length]
        layout = Layout.of(lengths_B.cpu().numpy(), items_BL.shape[1], self.padding.lead, items_BL.device)
        return layout, items_BL[torch.arange(items_BL.shape[1], device=items_BL.device) < lengths_B[:, None]]

    def placed(self, items_RW: Tensor, layout: Layout) -> Tensor:
        """The item embeddings with their positions, [R, W, D]."""
        return self.positions(self.item_embedding(items_RW), layout.rows(layout.ages_M))


class SASRec(Network):
    """A causal transformer (Kang and McAuley, 2018), by default without positions, as ADRec's first stage runs it."""

    def __init__(self, config: ModelConfig, num_items: int) -> None:
        super().__init__(config, num_items)
        self.norm = nn.LayerNorm(config.dimension)
        self.encoder = Encoder(config.encoder_blocks, config.dimension, config.heads, config.dropout)
        self.apply(partial(_normal, std=config.initial_std))

    def forward(self, items_M: Tensor, layout: Layout) -> Tensor:
        """Output vectors [R, W, D], each the prediction of the item that follows."""
        x_RWD = self.dropout(self.norm(self.placed(layout.rows(items_M), layout)))
        return self.encoder(x_RWD, self.padding.over_rows(layout))

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The cross-entropy of the next items."""
        x_MD = batch.layout.tokens(self(batch.items_M, batch.layout))
        first, (_, weight) = self.padding.first_candidate, batch.every(1)
        return {"ce": losses.next_item(x_MD, batch.targets_M - first, self.item_embedding.weight[first:]) * weight}

    def prepared(self) -> Represent:
        """The output at each history's last item."""
        return self._last

    @torch.no_grad()
    def _last(self, items_BL: Tensor, lengths_B: Tensor) -> Tensor:
        assert not self.training
        layout, items_M = self.lay_out(items_BL, lengths_B)
        return layout.ends(self(items_M, layout))


class ADRec(Network):
    """Auto-regression and token-level diffusion (Chen et al., KDD 2025).

    A causal encoder turns the history into a condition for each position; a causal denoiser recovers, at each
    position, the next item's embedding from a noised one. Noise levels are drawn independently for each token.
    """

    def __init__(self, config: ModelConfig, num_items: int) -> None:
        super().__init__(config, num_items)
        nn.init.normal_(self.item_embedding.weight, std=config.initial_std)  # where no stage 1 gives better
        self.norm = nn.LayerNorm(config.dimension, eps=1e-12)
        self.encoder = Encoder(config.encoder_blocks, config.dimension, config.heads, config.dropout)
        self.conditioning = CONDITIONINGS[config.conditioning](config)
        self.denoiser = cast(Denoiser, DENOISERS[config.denoiser](config))
        self.output = OUTPUTS[config.output](config)
        for part in (self.encoder, self.conditioning, self.denoiser, self.output):
            cast(nn.Module, part).apply(_xavier)
        self.diffusion = Diffusion(SCHEDULES[config.schedule](config.diffusion_steps))
        self.in_steps(config.reverse_steps or config.diffusion_steps)
        self.time_embedding = TimeEmbedding(config.diffusion_steps, config.dimension)
        self.latent, self.levels, self.noise = LATENTS[config.latent], LEVELS[config.levels], NOISES[config.noise]
        self.estimate = ESTIMATES[config.estimate](self.diffusion)
        self.denoising_weight = config.denoising_weight
        self.sampling_seed = SEED

    def condition(self, items_M: Tensor, layout: Layout, mask_R1WW: Tensor) -> Tensor:
        """What the encoder makes of the history, [R, W, D]."""
        return self.encoder(self.norm(self.dropout(self.placed(layout.rows(items_M), layout))), mask_R1WW)

    def in_steps(self, steps: int) -> Self:
        """Denoise in `steps` of the T steps from now on; raises as `Diffusion.reversal`."""
        self.reversal = self.diffusion.reversal(steps)
        return self

    def clean(self, items: Tensor) -> Tensor:
        """The vectors [..., D] that the process noises, of item numbers [...]."""
        return self.latent(self.item_embedding(items), self.item_embedding.weight)

    def candidates(self) -> tuple[Tensor, Tensor]:
        """The embeddings of all candidates and their clean vectors, both [V, D]."""
        first, table = self.padding.first_candidate, self.item_embedding.weight
        return table[first:], self.latent(table, table)[first:]

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of the next items and squared error of their embeddings, both from the denoised vectors."""
        device, tokens = batch.items_M.device, batch.part.tokens
        t, stride = self.levels(tokens, self.diffusion.steps, device)
        noise = torch.randn(tokens, self.item_embedding.embedding_dim, device=device)
        return self.losses_given(batch, batch.own(t), batch.own(noise), stride)

    def losses_given(self, batch: Batch, t_M: Tensor, noise_MD: Tensor, stride: int = 1) -> dict[str, Tensor]:
        """The losses for step indices and noise that are given; padding stays clean, at t = 0.

        Args:
            batch: the users.
            t_M: step indices, int64.
            noise_MD: Gaussian noise.
            stride: the next item of every so many tokens is ranked.
        """
        output_MD, noisy_MD, clean_MD = self.denoise(batch, t_M, noise_MD)
        ranked, weight = batch.every(stride)
        table = self.candidates()
        error = losses.denoising(self.estimate.clean(output_MD, noisy_MD, t_M, *table), clean_MD, batch.shares_M)
        x_NE, items_VE = self.estimate.logits(output_MD[ranked], noisy_MD[ranked], t_M[ranked], *table)
        return {
            "ce": losses.next_item(x_NE, batch.targets_M[ranked] - self.padding.first_candidate, items_VE) * weight,
            "mse": error * (self.denoising_weight * batch.user_weight),
        }

    def denoise(
        self, batch: Batch, t_M: Tensor, noise_MD: Tensor, told_M: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The denoiser's output for step indices and noise that are given, the noisy vectors and the clean, all [M, D].

        The network may be told other indices than those that the vectors were noised at.
        """
        layout, mask_R1WW = batch.layout, self.padding.over_rows(batch.layout)
        clean_RWD = self.clean(layout.rows(batch.targets_M))
        clean_MD = layout.tokens(clean_RWD)
        noisy_MD = self.diffusion.diffuse(clean_MD, t_M, self.noise(clean_MD, noise_MD))
        time_TD = self.time_embedding(torch.arange(self.diffusion.steps, device=t_M.device))
        told_RW = layout.rows(t_M if told_M is None else told_M)
        mixed_RWD = self.conditioning(
            self.condition(batch.items_M, layout, mask_R1WW),
            layout.rows(noisy_MD, clean_RWD),
            F.embedding(told_RW, time_TD),  # its gradient is repeatable on several threads; that of indexing is not
            mask_R1WW,
        )
        return self.output(layout.tokens(self.denoiser(mixed_RWD, mask_R1WW))).float(), noisy_MD, clean_MD

    def prepared(self) -> Represent:
        """Denoise by the steps of `reversal`, from the noise of `sampling_seed`."""
        return Sampler(self, self.sampling_seed)


NETWORKS: dict[str, Callable[[ModelConfig, int], Network]] = {"sasrec": SASRec, "adrec": ADRec}


def _normal(module: nn.Module, std: float) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=std)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


def _xavier(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_normal_(module.weight)
