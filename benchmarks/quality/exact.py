"""The denoiser that every ranker is: Bayes' rule over the catalogue, without training.

The next item is one of V. If a ranker's softmax is its distribution given the history, its distribution given also a
noisy vector x_t is that times the Gaussian likelihood of x_t, and the mean of the items' vectors under it is the
prediction with the least squared error that there is. The reverse process with it draws items from that softmax.

Legend: U users, V items, D width, S reverse steps, K draws.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from adrec.diffusion.process import Diffusion
from adrec.recommenders.adrec import SEED
from benchmarks.quality.denoising import summary
from benchmarks.quality.sampling import Answers

FURTHER_SEED = 1_000_000  # of noise that is not the reverse process's


@dataclass(frozen=True)
class ExactDenoiser:
    """A ranker's scores as a denoiser.

    Attributes:
        asked: the answers of the ranker by split; of the first draw, the softmax is that of the next item.
        vectors_VD: what the process noises, of unit mean square.
        diffusion: the process.
    """

    asked: Mapping[str, Answers]
    vectors_VD: Tensor
    diffusion: Diffusion

    def ask(self, split: str, steps: int, draws: int) -> Answers:
        """The scores given what the reverse process left, in `steps` steps; users of one draw share its noise."""
        prior_UV = self.asked[split].draws_KUV[0]
        return Answers(
            torch.stack([self._drawn(prior_UV, steps, SEED + draw) for draw in range(draws)]),
            self.asked[split].targets_U,
        )

    def by_level(self, indices: list[int]) -> dict[str, dict[str, float]]:
        """As `denoising.by_level`, of the test items."""
        return {str(t): self._figures(t) for t in indices}

    def _drawn(self, prior_UV: Tensor, steps: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        noisy_UD = self._noise(generator).expand(len(prior_UV), -1)
        for step in self.diffusion.reversal(steps):
            scores_UV = self._posterior(prior_UV, noisy_UD, step.t)
            noisy_UD = step.draw(self._mean(scores_UV), noisy_UD, self._noise(generator))
        return scores_UV

    def _posterior(self, prior_UV: Tensor, noisy_UD: Tensor, t: int) -> Tensor:
        """The logarithm of prior times likelihood, but for a constant."""
        kept = self.diffusion.alpha_bar[t]
        likelihood_UV = kept**0.5 * noisy_UD @ self.vectors_VD.T - kept / 2 * self.vectors_VD.square().sum(dim=-1)
        return prior_UV + likelihood_UV / (1 - kept)

    def _mean(self, scores_UV: Tensor) -> Tensor:
        return torch.softmax(scores_UV, dim=-1) @ self.vectors_VD

    def _noise(self, generator: torch.Generator, users: int = 1) -> Tensor:
        return torch.randn(users, self.vectors_VD.shape[1], generator=generator)

    def _figures(self, t: int) -> dict[str, float]:
        prior_UV, columns_U = self.asked["test"].draws_KUV[0], self.asked["test"].columns_U
        clean_UD, generator = self.vectors_VD[columns_U], torch.Generator().manual_seed(FURTHER_SEED)
        index, told = torch.tensor(t), (t + self.diffusion.steps // 2) % self.diffusion.steps
        noisy_UD, other_UD = (
            self.diffusion.add_noise(clean_UD, index, self._noise(generator, len(clean_UD))) for _ in range(2)
        )
        predicted_UD, from_other_UD = (self._mean(self._posterior(prior_UV, each, t)) for each in (noisy_UD, other_UD))
        told_UD = self._mean(self._posterior(prior_UV, noisy_UD, told))
        return summary(clean_UD, predicted_UD, from_other_UD, told_UD, self.vectors_VD, columns_U)
