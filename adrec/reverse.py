"""The reverse process, in which steps are tried before those that they follow are done.

The denoiser reads its weights for one vector or for a few at nearly the same cost. So a window of C steps is computed
at once, the first from what it should get, the others from guesses. The predictions make better guesses; steps that had
been given right ones are done, at least the first, and the window moves on. The answer is that of one step after the
other, within a `TOLERANCE` of each input of the denoiser. At C = 1 it is one step after the other.
Source: Shih et al. (2023), "Parallel Sampling of Diffusion Models".

Legend: B histories, S steps, C of them at once, A = 2 C - 1 of them ahead, D width.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from adrec.diffusion import ReverseStep

TOLERANCE = 1e-6  # of a guess that counts as right: a few roundings of a value near 1
ROWS = 16  # as many vectors cost a processor hardly more than one does

Mix = Callable[[Tensor, slice], Tensor]  # of noisy vectors [B, C, D] before the steps of a slice, the denoiser's inputs
Denoise = Callable[[Tensor], Tensor]  # of these inputs, the clean vectors [B, C, D]
Noise = Callable[[Tensor, Tensor], Tensor]  # of clean vectors [B, A, D] and Gaussian noise [A, D], the noise to add


def together(histories: int, steps: int) -> int:
    """C for a batch: many for a single history, one where the batch is large."""
    return max(1, min(ROWS // histories, steps))


@dataclass(frozen=True)
class Reverse:
    """The steps as one linear map of predictions and noise; more that repeat the last follow them and change nothing.

    Attributes:
        steps: S, without those that follow.
        clean_scale_S1: of each step's prediction.
        deviation_S1: of its noise.
        noisy_scale_S1: of the noisy vector before it.
        decay_SS: what is left after step s of what step r added, [s, r].
    """

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
        return cls(len(steps), clean_scale_S1, deviation_S1, noisy_scale_S1, decay_SS)

    def to(self, device: torch.device) -> Self:
        """The same map on `device`."""
        return type(self)(
            self.steps,
            self.clean_scale_S1.to(device),
            self.deviation_S1.to(device),
            self.noisy_scale_S1.to(device),
            self.decay_SS.to(device),
        )

    def run(
        self, at_once: int, start_BD: Tensor, noise_SD: Tensor, mix: Mix, denoise: Denoise, noise: Noise
    ) -> tuple[Tensor, Tensor]:
        """From the noisy vector before the first step to that after the last, [B, D], and the last step's input [B, E].

        Args:
            at_once: C, at most `ROWS`.
            start_BD: pure noise.
            noise_SD: drawn for each step; the last one's does not count.
            mix: what makes the denoiser's inputs of noisy vectors.
            denoise: what predicts clean vectors from these.
            noise: what is made of `noise_SD` near a prediction.
        """
        noise_SD = F.pad(noise_SD, (0, 0, 0, 2 * at_once))
        first, noisy_BD = 0, start_BD
        tried_BCD = mix(start_BD[:, None].expand(-1, at_once, -1), slice(at_once))
        while True:
            ahead_BAD = self._ahead(first, noisy_BD, denoise(tried_BCD), noise_SD, noise)
            inputs_BAD = mix(ahead_BAD, slice(first + 1, first + 2 * at_once))
            done = 1 + _right(tried_BCD[:, 1:], inputs_BAD)
            if first + done >= self.steps:
                last = self.steps - 1 - first
                return ahead_BAD[:, last], tried_BCD[:, min(last, at_once - 1)]
            first, noisy_BD = first + done, ahead_BAD[:, done - 1]
            tried_BCD = inputs_BAD[:, done - 1 : done - 1 + at_once]

    def _ahead(self, first: int, noisy_BD: Tensor, clean_BCD: Tensor, noise_SD: Tensor, noise: Noise) -> Tensor:
        """What follows steps from `first` on, [B, A, D]; beyond the window the last prediction stands for all."""
        beyond = clean_BCD.shape[1] - 1
        window = slice(first, first + 1 + 2 * beyond)
        clean_BAD = torch.cat([clean_BCD, clean_BCD[:, -1:].expand(-1, beyond, -1)], dim=1)
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
