"""What the denoiser's output says: of each item how likely it comes next, and of the clean vector.

Legend: V items, D width, E of the evidence. Tables are those of all candidates: `items_VD` the embeddings, `clean_VD`
what the process noises.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from adrec.diffusion import Diffusion

Factors = tuple[Tensor, Tensor]  # [..., F] and [V, F], whose inner products are the logits of the items
Again = Callable[[], tuple[Tensor, Tensor]]  # output [B, C, D] and evidence [B, C, E] of the last step, alike for all C


class Estimate(Protocol):
    """How output, noisy vector and catalogue are read together."""

    def evidence(self, noisy: Tensor, t: Tensor) -> Tensor:
        """What is kept [..., E] of noisy vectors [..., D] at step indices [...] beside the denoiser's output."""

    def logits(self, output: Tensor, evidence: Tensor, items_VD: Tensor, clean_VD: Tensor) -> Factors:
        """The logits of the next item, as factors."""

    def clean(self, output: Tensor, evidence: Tensor, items_VD: Tensor, clean_VD: Tensor) -> Tensor:
        """The predicted clean vector [..., D]."""

    def answer(self, clean_BD: Tensor, again: Again, items_VD: Tensor, clean_VD: Tensor) -> Tensor:
        """The vector [B, D] whose inner products with the embeddings rank, where the reverse process has ended."""


class Direct:
    """The output is the clean vector, and ranks as it is: ADRec's. The two ask for different lengths."""

    def __init__(self, diffusion: Diffusion) -> None:
        pass

    def evidence(self, noisy: Tensor, t: Tensor) -> Tensor:
        """None, E = 0."""
        return noisy[..., :0]

    def logits(self, output: Tensor, evidence: Tensor, items_VD: Tensor, clean_VD: Tensor) -> Factors:
        """See above."""
        return output, items_VD

    def clean(self, output: Tensor, evidence: Tensor, items_VD: Tensor, clean_VD: Tensor) -> Tensor:
        """See above."""
        return output

    def answer(self, clean_BD: Tensor, again: Again, items_VD: Tensor, clean_VD: Tensor) -> Tensor:
        """See above."""
        return clean_BD


class Posterior:
    """Bayes' rule over the catalogue: the output ranks, x_t is evidence, and the clean vector is the mean of them all.

    The likelihood of x_t, were item i the next, is Gaussian around its vector e_i: its logarithm is
    (sqrt(alpha_bar) x_t . e_i - alpha_bar |e_i|^2 / 2) / (1 - alpha_bar). Where the softmax is right, the mean under it
    has the least squared error of all answers, so ranking and denoising want the same. Costs [..., V].
    """

    def __init__(self, diffusion: Diffusion) -> None:
        self.diffusion = diffusion

    def evidence(self, noisy: Tensor, t: Tensor) -> Tensor:
        """The factors of e_i and of |e_i|^2 in the likelihood, E = D + 1."""
        clean_scale, noise_scale = (
            scale_T[t][..., None] for scale_T in (self.diffusion.clean_scale_T, self.diffusion.noise_scale_T)
        )
        bias = -(clean_scale / noise_scale).square() / 2
        return torch.cat([clean_scale / noise_scale.square() * noisy, bias.expand(*noisy.shape[:-1], 1)], dim=-1)

    def logits(self, output: Tensor, evidence: Tensor, items_VD: Tensor, clean_VD: Tensor) -> Factors:
        """The evidence moves no embedding: the vectors that it is held against are constants."""
        clean_VD = clean_VD.detach()
        squares_V1 = clean_VD.square().sum(dim=-1, keepdim=True)
        return torch.cat([output.float(), evidence], dim=-1), torch.cat([items_VD, clean_VD, squares_V1], dim=-1)

    def clean(self, output: Tensor, evidence: Tensor, items_VD: Tensor, clean_VD: Tensor) -> Tensor:
        """See above."""
        left, right_VF = self.logits(output, evidence, items_VD, clean_VD)
        return torch.softmax(left @ right_VF.T, dim=-1) @ clean_VD

    def answer(self, clean_BD: Tensor, again: Again, items_VD: Tensor, clean_VD: Tensor) -> Tensor:
        """Output and evidence of the last step; but for the items' lengths, which an inner product cannot know."""
        output_BCD, evidence_BCE = again()
        unit = items_VD.square().mean().sqrt() / clean_VD.square().mean().sqrt()
        return output_BCD[:, 0] + evidence_BCE[:, 0, :-1] / unit


ESTIMATES: dict[str, Callable[[Diffusion], Estimate]] = {"direct": Direct, "posterior": Posterior}
