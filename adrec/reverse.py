"""The reverse process, in which steps are tried before those that they follow are done.

The denoiser's step for a few vectors costs far less than one for each. So a window of C steps is computed at once, the
first from what it should get, the others from guesses. The predictions make better guesses; steps that had been given
right ones are done, at least the first, and the window moves on. The answer is that of one step after the other, within
a `TOLERANCE` of each input of the denoiser. At C = 1 it is one step after the other.
Source: Shih et al. (2023), "Parallel Sampling of Diffusion Models".

Legend: B histories, S steps, up to C of them at once, A those and C - 1 beyond, D width.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from adrec.diffusion import ReverseStep

TOLERANCE = 1e-6  # of a guess that counts as right: a few roundings of a value near 1
ROWS = 16  # as many vectors cost a processor two to three times what one does

Mix = Callable[[Tensor, slice], Tensor]  # of noisy vectors [B, C, D] before the steps of a slice, the denoiser's inputs
# Of these inputs, the noisy vectors and the slice: predictions of the clean vectors, and what ranks, both [B, C, D].
Predict = Callable[[Tensor, Tensor, slice], tuple[Tensor, Tensor]]
Noise = Callable[[Tensor, Tensor], Tensor]  # of clean vectors [B, A, D] and Gaussian noise [A, D], the noise to add


def together(histories: int, steps: int) -> int:
    """C for a batch: many for a single history, one where the batch is large."""
    return max(1, min(ROWS // histories, steps))


@dataclass(frozen=True)
class Reverse:
    """The steps as one linear map of predictions and noise; more that repeat the last follow them and change nothing.

    Attributes:
        every: the S steps and those that follow.
        steps: S.
        clean_scale_S1: of each step's prediction.
        deviation_S1: of its noise.
        noisy_scale_S1: of the noisy vector before it.
        decay_SS: what is left after step s of what step r added, [s, r].
    """

    every: Sequence[ReverseStep]
    steps: int
    clean_scale_S1: Tensor
    deviation_S1: Tensor
    noisy_scale_S1: Tensor
    decay_SS: Tensor

    @classmethod
    def of(cls, steps: Sequence[ReverseStep]) -> Self:
        """The map of `steps`."""
        repeated = [*steps, *[steps[-1]] * (2 * ROWS)]
        scales_S3 = torch.tensor([(step.clean_scale, step.deviation, step.noisy_scale) for step in repeated])
        every_SS = torch.ones(len(repeated), len(repeated))
        decay_SS = torch.where(every_SS.tril(-1) > 0, scales_S3[:, 2:], every_SS).cumprod(dim=0).tril()
        clean_scale_S1, deviation_S1, noisy_scale_S1 = scales_S3.split(1, dim=1)
        return cls(repeated, len(steps), clean_scale_S1, deviation_S1, noisy_scale_S1, decay_SS)

    def to(self, device: torch.device) -> Self:
        """The same map on `device`."""
        return type(self)(
            self.every,
            self.steps,
            self.clean_scale_S1.to(device),
            self.deviation_S1.to(device),
            self.noisy_scale_S1.to(device),
            self.decay_SS.to(device),
        )

    def run(self, at_once: int, start_BD: Tensor, noise_SD: Tensor, mix: Mix, predict: Predict, noise: Noise) -> Tensor:
        """What ranks at the last step, [B, D], on the way from pure noise.

        Args:
            at_once: C, at most `ROWS`.
            start_BD: pure noise.
            noise_SD: drawn for each step; the last one's does not count.
            mix: what makes the denoiser's inputs of noisy vectors.
            predict: what makes predictions of these.
            noise: what is made of `noise_SD` near a prediction.
        """
        noise_SD = F.pad(noise_SD, (0, 0, 0, 2 * at_once))
        first, noisy_BCD = 0, start_BD[:, None]
        tried_BCD = mix(noisy_BCD, slice(1))  # nothing to guess the others from
        while True:
            clean_BCD, ranking_BCD = predict(tried_BCD, noisy_BCD, slice(first, first + tried_BCD.shape[1]))
            ahead_BAD = self._ahead(first, noisy_BCD[:, 0], clean_BCD, at_once - 1, noise_SD, noise)
            inputs_BAD = mix(ahead_BAD, slice(first + 1, first + 1 + ahead_BAD.shape[1]))
            done = 1 + _right(tried_BCD[:, 1:], inputs_BAD)
            if first + done >= self.steps:
                return ranking_BCD[:, self.steps - 1 - first]
            first += done
            window = slice(done - 1, done - 1 + min(at_once, self.steps - first))
            noisy_BCD, tried_BCD = ahead_BAD[:, window], inputs_BAD[:, window]

    def _ahead(
        self, first: int, noisy_BD: Tensor, clean_BCD: Tensor, beyond: int, noise_SD: Tensor, noise: Noise
    ) -> Tensor:
        """What follows steps from `first` on, [B, A, D]; `beyond` the window the last prediction stands for others."""
        clean_BAD = torch.cat([clean_BCD, clean_BCD[:, -1:].expand(-1, beyond, -1)], dim=1)
        window = slice(first, first + clean_BAD.shape[1])
        noise_BAD = noise(clean_BAD, noise_SD[window])
        added_BAD = self.clean_scale_S1[window] * clean_BAD + self.deviation_S1[window] * noise_BAD
        added_BAD[:, 0] += self.noisy_scale_S1[first] * noisy_BD
        return self.decay_SS[window, window] @ added_BAD


def _right(guessed_BCD: Tensor, better_BAD: Tensor) -> int:
    """How many guesses from the first on are within the tolerance of better ones."""
    if not guessed_BCD.shape[1]:
        return 0
    error_BCD = (better_BAD[:, : guessed_BCD.shape[1]] - guessed_BCD).abs_()
    return int((error_BCD.amax(dim=(0, 2)) <= TOLERANCE).cumprod(dim=0).sum())
