"""The Gaussian diffusion process over item embeddings, and its reversal from predictions of the clean vector.

Legend: T steps, D width; step index 0 is one step of noise, T - 1 nearly pure noise.
Source: Ho et al. (2020), equations 4 and 7; ADRec (2025), equations 3 to 5. A reversal in fewer steps: Nichol and
Dhariwal (2021), section 4, and DDIM (Song et al., 2021), section 4.2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

TINY = 1e-12  # keeps a direction finite where there is none


@dataclass(frozen=True)
class ReverseStep:
    """One step back: from the noisy vector at index `t` to the next kept index below, or from the last to the end.

    Attributes:
        t: the index that the network is told.
        clean_scale: of the predicted x_0 in the posterior's mean.
        noisy_scale: of x_t in the posterior's mean.
        deviation: of the noise added; 0 at the last step.
    """

    t: int
    clean_scale: float
    noisy_scale: float
    deviation: float

    @classmethod
    def between(cls, t: int, alpha_bar: float, earlier: float) -> "ReverseStep":
        """The step from index `t` to a less noisy one, given the share of signal (alpha_bar) at both.

        What lies between the two counts as one noising step of variance beta = 1 - alpha_bar / earlier.
        """
        beta = 1 - alpha_bar / earlier
        return cls(
            t=t,
            clean_scale=beta * earlier**0.5 / (1 - alpha_bar),
            noisy_scale=(1 - earlier) * (1 - beta) ** 0.5 / (1 - alpha_bar),
            deviation=beta**0.5 if earlier < 1 else 0.0,
        )

    def draw(self, clean: Tensor, noisy: Tensor, noise: Tensor) -> Tensor:
        """The less noisy vector, given the predicted x_0, the noisy one and Gaussian noise, all [..., D].

        At the last step that is the prediction itself.
        """
        mean = torch.add(self.noisy_scale * noisy, clean, alpha=self.clean_scale)
        return torch.add(mean, noise, alpha=self.deviation)


class Diffusion(nn.Module):
    """The process of one variance schedule.

    Args:
        beta_T: variance of the noise added at each step, float64 [T].
    """

    clean_scale_T: Tensor
    noise_scale_T: Tensor

    def __init__(self, beta_T: Tensor) -> None:
        super().__init__()
        alpha_bar_T = torch.cumprod(1 - beta_T, dim=0)
        self.alpha_bar: list[float] = alpha_bar_T.tolist()
        self._constant("clean_scale_T", alpha_bar_T.sqrt())
        self._constant("noise_scale_T", (1 - alpha_bar_T).sqrt())

    def _constant(self, name: str, value_T: Tensor) -> None:
        self.register_buffer(name, value_T.float(), persistent=False)

    @property
    def steps(self) -> int:
        """T."""
        return len(self.clean_scale_T)

    def add_noise(self, clean: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Draw x_t given x_0: `clean` and `noise` [..., D], step indices `t` [...]."""
        return self.clean_scale_T[t][..., None] * clean + self.noise_scale_T[t][..., None] * noise

    def reversal(self, steps: int) -> list[ReverseStep]:
        """The way back over `steps` of the T indices, evenly spaced, from the noisiest down.

        With all T it is the process of the schedule; with one it is the noisiest alone, where the process starts.
        Whatever the last index, the clean vector is predicted there (Lin et al., 2023, section 3.3).

        Raises:
            ValueError: `steps` is not in 1..T.
        """
        if not 1 <= steps <= self.steps:
            raise ValueError(f"steps = {steps} must be from 1 to {self.steps}, the steps of the diffusion process")
        kept = [self.steps - 1 - number * self.steps // steps for number in range(steps)]
        last = ReverseStep.between(kept[-1], self.alpha_bar[kept[-1]], 1.0)
        return [ReverseStep.between(t, self.alpha_bar[t], self.alpha_bar[below]) for t, below in pairwise(kept)] + [
            last
        ]


def gaussian(clean: Tensor, noise: Tensor) -> Tensor:
    """Noise as it is drawn, [..., D]."""
    return noise


def geodesic(clean: Tensor, noise: Tensor) -> Tensor:
    """The direction of `noise` along the sphere that `clean` lies on, as long as `clean`, [..., D].

    With the process's scales, cos and sin of one angle, x_t then walks that sphere from `clean`: its length stays.
    """
    length = clean.norm(dim=-1, keepdim=True).clamp(min=TINY)
    pole = clean / length
    tangent = noise - (noise * pole).sum(dim=-1, keepdim=True) * pole
    return length * tangent / tangent.norm(dim=-1, keepdim=True).clamp(min=TINY)


NOISES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"gaussian": gaussian, "geodesic": geodesic}
