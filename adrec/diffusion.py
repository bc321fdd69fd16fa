"""The Gaussian diffusion process over item embeddings, and its reversal from predictions of the clean vector.

Legend: T steps, D width; step index 0 is one step of noise, T - 1 nearly pure noise.
Source: Ho et al. (2020), equations 4 and 7; ADRec (2025), equations 3 to 5.
"""

import torch
from torch import Tensor, nn


class Diffusion(nn.Module):
    """The process of one variance schedule.

    Args:
        beta_T: variance of the noise added at each step, float64 [T].
    """

    clean_scale_T: Tensor
    noise_scale_T: Tensor
    posterior_clean_T: Tensor
    posterior_noisy_T: Tensor
    deviation_T: Tensor

    def __init__(self, beta_T: Tensor) -> None:
        super().__init__()
        alpha_bar_T = torch.cumprod(1 - beta_T, dim=0)
        earlier_T = torch.cat([torch.ones(1, dtype=beta_T.dtype), alpha_bar_T[:-1]])
        self._constant("clean_scale_T", alpha_bar_T.sqrt())
        self._constant("noise_scale_T", (1 - alpha_bar_T).sqrt())
        self._constant("posterior_clean_T", beta_T * earlier_T.sqrt() / (1 - alpha_bar_T))
        self._constant("posterior_noisy_T", (1 - earlier_T) * (1 - beta_T).sqrt() / (1 - alpha_bar_T))
        self._constant("deviation_T", torch.cat([torch.zeros(1), beta_T[1:].sqrt()]))  # no noise after the last step

    def _constant(self, name: str, value_T: Tensor) -> None:
        self.register_buffer(name, value_T.float(), persistent=False)

    @property
    def steps(self) -> int:
        """T."""
        return len(self.clean_scale_T)

    def diffuse(self, clean: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Draw x_t given x_0: `clean` and `noise` [..., D], step indices `t` [...]."""
        return self.clean_scale_T[t][..., None] * clean + self.noise_scale_T[t][..., None] * noise

    def reverse(self, clean: Tensor, noisy: Tensor, t: int, noise: Tensor) -> Tensor:
        """Draw x_{t-1} given x_t and the predicted x_0, all [..., D]; at t = 0 that is the prediction itself."""
        mean = self.posterior_clean_T[t] * clean + self.posterior_noisy_T[t] * noisy
        return mean + self.deviation_T[t] * noise
