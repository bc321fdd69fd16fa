"""The reverse process, in which steps are tried before those that they follow are done.

The denoiser's step for a few vectors costs far less than one for each. So a window of steps is computed at once, the
first from what it should get, the others from guesses. The predictions make better guesses; steps that had been given
right ones are done, at least the first, and the window moves on. It is as wide as guesses come true. The answer is that
of one step after the other, within a `TOLERANCE` of each input of the denoiser. In windows of one step it is that.
Source: Shih et al. (2023), "Parallel Sampling of Diffusion Models".

Legend: B histories, S steps, C of them at once, A those and some beyond, D width.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from adrec.diffusion.process import ReverseStep

TOLERANCE = 1e-6  # of a guess that counts as right: a few roundings of a value near 1
CHEAP = 16  # as many vectors cost a processor two to three times what one does
MOST = 256  # as many cost it a little less than one after the other: what they attend to is read once

# Of noisy vectors [B, C, D] before the steps of a slice, the denoiser's inputs. It may also be asked for what follows
# the last step, which nobody uses.
Mix = Callable[[Tensor, slice], Tensor]
# Of these inputs, the noisy vectors and the slice: predictions of the clean vectors, and what ranks, both [B, C, D].
Predict = Callable[[Tensor, Tensor, slice], tuple[Tensor, Tensor]]
Noise = Callable[[Tensor, Tensor], Tensor]  # of clean vectors [B, A, D] and Gaussian noise [A, D], the noise to add


@dataclass(frozen=True)
class Window:
    """How many steps a window may have.

    Attributes:
        least: also where guesses fail: so many cost little.
        most: where they come true.
    """

    least: int
    most: int

    @classmethod
    def of(cls, histories: int, steps: int) -> Self:
        """That for a batch of so many histories: many steps for a single one, one where the batch is large."""
        return cls(*(max(1, min(rows // histories, steps)) for rows in (CHEAP, MOST)))

    def after(self, tries: int, window: int, done: int) -> int:
        """How many steps to try when of the `window` last tried, `tries` or what was left of them, so many are done."""
        return max(self.least, min(self.most, 2 * tries) if done == window else done)


ONE_BY_ONE = Window(1, 1)


@dataclass(frozen=True)
class ParallelSampler:
    """The steps as one linear map of predictions and noise.

    Attributes:
        clean_scale_S1: of each step's prediction.
        deviation_S1: of its noise.
        noisy_scale_S1: of the noisy vector before it.
        decay_SS: what is left after step s of what step r added, [s, r].
    """

    clean_scale_S1: Tensor
    deviation_S1: Tensor
    noisy_scale_S1: Tensor
    decay_SS: Tensor

    @classmethod
    def of(cls, steps: Sequence[ReverseStep]) -> Self:
        """The map of `steps`."""
        scales_S3 = torch.tensor([(step.clean_scale, step.deviation, step.noisy_scale) for step in steps])
        every_SS = torch.ones(len(steps), len(steps))
        decay_SS = torch.where(every_SS.tril(-1) > 0, scales_S3[:, 2:], every_SS).cumprod(dim=0).tril()
        clean_scale_S1, deviation_S1, noisy_scale_S1 = scales_S3.split(1, dim=1)
        return cls(clean_scale_S1, deviation_S1, noisy_scale_S1, decay_SS)

    def to(self, device: torch.device) -> Self:
        """The same map on `device`."""
        return type(self)(
            self.clean_scale_S1.to(device),
            self.deviation_S1.to(device),
            self.noisy_scale_S1.to(device),
            self.decay_SS.to(device),
        )

    def run(
        self, width: Window, start_BD: Tensor, noise_SD: Tensor, mix: Mix, predict: Predict, noise: Noise
    ) -> Tensor:
        """What ranks at the last step, [B, D], on the way from pure noise.

        Args:
            width: of the windows; at most S.
            start_BD: pure noise.
            noise_SD: drawn for each step; the last one's does not count.
            mix: what makes the denoiser's inputs of noisy vectors.
            predict: what makes predictions of these.
            noise: what is made of `noise_SD` near a prediction.
        """
        steps = len(self.decay_SS)
        first, tries, noisy_BCD = 0, width.most, start_BD[:, None]
        tried_BCD = mix(noisy_BCD, slice(1))  # nothing to guess the others from
        while True:
            clean_BCD, ranking_BCD = predict(tried_BCD, noisy_BCD, slice(first, first + tried_BCD.shape[1]))
            beyond = min(width.most - 1, steps - first - tried_BCD.shape[1])
            ahead_BAD = self._ahead(first, noisy_BCD[:, 0], clean_BCD, beyond, noise_SD, noise)
            inputs_BAD = mix(ahead_BAD, slice(first + 1, first + 1 + ahead_BAD.shape[1]))
            done = 1 + _right(tried_BCD[:, 1:], inputs_BAD)
            if first + done == steps:
                return ranking_BCD[:, -1]
            first += done
            tries = width.after(tries, tried_BCD.shape[1], done)
            window = slice(done - 1, done - 1 + min(tries, steps - first))
            noisy_BCD, tried_BCD = ahead_BAD[:, window], inputs_BAD[:, window].contiguous()  # for faster products

    def _ahead(
        self, first: int, noisy_BD: Tensor, clean_BCD: Tensor, beyond: int, noise_SD: Tensor, noise: Noise
    ) -> Tensor:
        """What follows steps from `first` on, [B, A, D]; `beyond` the window the last prediction stands for others."""
        clean_BAD = torch.cat([clean_BCD, clean_BCD[:, -1:].expand(-1, beyond, -1)], dim=1)
        window = slice(first, first + clean_BAD.shape[1])
        noise_BAD = self.deviation_S1[window] * noise(clean_BAD, noise_SD[window])
        added_BAD = torch.addcmul(noise_BAD, self.clean_scale_S1[window], clean_BAD)
        added_BAD[:, 0] += self.noisy_scale_S1[first] * noisy_BD
        return self.decay_SS[window, window] @ added_BAD


def _right(guessed_BCD: Tensor, better_BAD: Tensor) -> int:
    """How many guesses from the first on are within the tolerance of better ones."""
    if not guessed_BCD.shape[1]:
        return 0
    error_BCD = (better_BAD[:, : guessed_BCD.shape[1]] - guessed_BCD).abs_()
    right = [error <= TOLERANCE for error in error_BCD.amax(dim=(0, 2)).tolist()]
    return [*right, False].index(False)
