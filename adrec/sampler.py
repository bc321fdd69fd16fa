"""ADRec's answers: the item that follows each history is denoised from pure noise, the history computed once.

Only the last position is unknown. Those before it hold known items, kept clean at t = 0, so the denoiser's keys and
values there are the same at every step.

Legend: B histories, L positions, C steps at once, S steps of the reverse process, D width; R rows of W columns
(`adrec.layout`).
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from adrec.layout import Layout
from adrec.reverse import ONE_BY_ONE, Reverse, Width

if TYPE_CHECKING:
    from adrec.model import ADRec

SEED = 2025  # the reverse process is random, but the same request gets the same answer


class Sampler:
    """The reverse process of a network as it is now, in evaluation mode: what no history changes is computed here.

    Args:
        network: its weights, its steps (`ADRec.in_steps`) and its device are taken as they are.
        seed: of the noise.
    """

    @torch.no_grad()
    def __init__(self, network: "ADRec", seed: int = SEED) -> None:
        device = network.item_embedding.weight.device
        self.network, self.steps = network, len(network.reversal)
        self.reverse = Reverse.of(network.reversal).to(device)
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
        width = ONE_BY_ONE if network.estimate.reads_noisy else Width.of(len(items_BL), self.steps)
        layout, items_M = network.lay_out(items_BL, lengths_B)
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
