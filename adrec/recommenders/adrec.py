"""ADRec: auto-regression and token-level diffusion (Chen et al., KDD 2025), its network and how it answers.

Legend: B users, L positions, D width, V items, T diffusion steps, S of them in the reverse process, C of these at once;
M tokens in R rows of W columns (`adrec.nn.packing`).
"""

from typing import Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adrec.config import Model as ModelConfig
from adrec.diffusion.conditioning import CONDITIONINGS
from adrec.diffusion.denoiser import DENOISERS, OUTPUTS, Denoiser
from adrec.diffusion.noise_schedules import SCHEDULES
from adrec.diffusion.parallel_sampling import ONE_BY_ONE, ParallelSampler, Window
from adrec.diffusion.prediction import ESTIMATES, LATENTS
from adrec.diffusion.process import NOISES, Diffusion
from adrec.diffusion.timesteps import LEVELS, TimeEmbedding
from adrec.nn import losses
from adrec.nn.batches import Batch
from adrec.nn.packing import Layout
from adrec.nn.transformer import Encoder
from adrec.recommenders.base import EmbeddingNetwork, HistoryEncoder

SEED = 2025  # the reverse process is random, but the same request gets the same answer


class ADRec(EmbeddingNetwork):
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
        return self.encoder(self.norm(self.dropout(self.embed(layout.rows(items_M), layout))), mask_R1WW)

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
        error = losses.denoising(
            self.estimate.clean(output_MD, noisy_MD, t_M, *table), clean_MD, batch.inverse_length_M
        )
        x_NE, items_VE = self.estimate.logits(output_MD[ranked], noisy_MD[ranked], t_M[ranked], *table)
        return {
            "ce": losses.next_item(x_NE, batch.targets_M[ranked] - self.padding.first_candidate, items_VE) * weight,
            "mse": error * (self.denoising_weight * batch.user_weight),
        }

    def denoise(
        self, batch: Batch, t_M: Tensor, noise_MD: Tensor, reported_t_M: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The denoiser's output for step indices and noise that are given, the noisy vectors and the clean, all [M, D].

        The network may be told other indices than those that the vectors were noised at.
        """
        layout, mask_R1WW = batch.layout, self.padding.over_rows(batch.layout)
        clean_RWD = self.clean(layout.rows(batch.targets_M))
        clean_MD = layout.tokens(clean_RWD)
        noisy_MD = self.diffusion.add_noise(clean_MD, t_M, self.noise(clean_MD, noise_MD))
        time_TD = self.time_embedding(torch.arange(self.diffusion.steps, device=t_M.device))
        told_RW = layout.rows(t_M if reported_t_M is None else reported_t_M)
        mixed_RWD = self.conditioning(
            self.condition(batch.items_M, layout, mask_R1WW),
            layout.rows(noisy_MD, clean_RWD),
            F.embedding(told_RW, time_TD),  # its gradient is repeatable on several threads; that of indexing is not
            mask_R1WW,
        )
        return self.output(layout.tokens(self.denoiser(mixed_RWD, mask_R1WW))).float(), noisy_MD, clean_MD

    def prepared(self) -> HistoryEncoder:
        """Denoise by the steps of `reversal`, from the noise of `sampling_seed`."""
        return Sampler(self, self.sampling_seed)


class Sampler:
    """The reverse process of a network as it is now, in evaluation mode: the next item is denoised from pure noise.

    What no history changes is computed once. Only the last position is unknown: those before it hold known items, kept
    clean at t = 0, so the denoiser's keys and values there are the same at every step.

    Args:
        network: its weights, its steps (`ADRec.in_steps`) and its device are taken as they are.
        seed: of the noise.
    """

    @torch.no_grad()
    def __init__(self, network: ADRec, seed: int = SEED) -> None:
        device = network.item_embedding.weight.device
        self.network, self.steps = network, len(network.reversal)
        self.reverse = ParallelSampler.of(network.reversal).to(device)
        self.table = network.candidates()
        self.noise_SD = draw_noise(self.steps, network.item_embedding.embedding_dim, seed).to(device)
        # The last is that of what is known, and of what would follow the last step.
        self.t_S = torch.tensor([step.t for step in network.reversal] + [0], device=device)
        *_, self.known_D = self.time_SD = network.time_embedding(self.t_S)

    @torch.no_grad()
    def __call__(self, items_BL: Tensor, lengths_B: Tensor) -> Tensor:
        """The denoised vectors [B, D] that follow histories of item numbers, right-padded with 0."""
        network = self.network
        assert not network.training
        # The denoiser's input tells which guesses were right; an estimate that reads more would be misled by others.
        width = ONE_BY_ONE if network.estimate.reads_noisy else Window.of(len(items_BL), self.steps)
        layout, items_M = network.pack_histories(items_BL, lengths_B)
        mask_R1WW, bias_B11L = network.padding.over_rows(layout), network.padding.over_last(layout)
        condition_RWD = network.condition(items_M, layout, mask_R1WW)
        mixed_RWD = network.conditioning(condition_RWD, self._known(items_M, layout), self.known_D, mask_R1WW)
        denoise = network.denoiser.after(mixed_RWD, layout, mask_R1WW, bias_B11L, width.most)
        mix = network.conditioning.of_last(condition_RWD, layout, bias_B11L)

        def predict(mixed_BCD: Tensor, noisy_BCD: Tensor, steps: slice) -> tuple[Tensor, Tensor]:
            given = network.output(denoise(mixed_BCD)), noisy_BCD, self.t_S[steps], *self.table
            return network.estimate.clean(*given), network.estimate.answer(*given)

        return self.reverse.run(
            width,
            start_BD=self.noise_SD[0].expand(len(items_BL), -1),
            noise_SD=self.noise_SD.roll(-1, 0),
            mix=lambda noisy_BCD, steps: mix(noisy_BCD, self.time_SD[steps]),
            predict=predict,
            noise=network.noise,
        )

    def _known(self, items_M: Tensor, layout: Layout) -> Tensor:
        """The clean vectors [R, W, D] of the items that follow; wrong at last positions, which are not kept."""
        return self.network.clean(layout.rows(items_M.roll(-1)))


def draw_noise(steps: int, dimension: int, seed: int = SEED) -> Tensor:
    """Gaussian noise [S, D]: where the reverse process starts, then that of all steps but the last, without noise.

    All users share it, so that no answer depends on its batch. It is drawn from the last step back: the last ones have
    the same, however many there are.
    """
    return torch.randn(steps, dimension, generator=torch.Generator().manual_seed(seed)).flip(0)


def _xavier(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_normal_(module.weight)
