"""What is denoised, and what does the denoiser's output mean: the clean vector, and how likely each item comes next.

Legend: V items, D width; x_t is a noisy vector and t its step index. Tables are those of all candidates: `items_VD` the
embeddings, `clean_VD` what the process noises.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from adrec.diffusion.process import Diffusion

Factors = tuple[Tensor, Tensor]  # [..., E] and [V, E], whose inner products are the logits of the items


class Estimate(Protocol):
    """How output, noisy vector and catalogue are read together.

    Attributes:
        reads_noisy: whether the noisy vector counts beside the output.
    """

    reads_noisy: bool

    def logits(self, output: Tensor, noisy: Tensor, t: Tensor, items_VD: Tensor, clean_VD: Tensor) -> Factors:
        """The logits of the next item, as factors."""

    def clean(self, output: Tensor, noisy: Tensor, t: Tensor, items_VD: Tensor, clean_VD: Tensor) -> Tensor:
        """The predicted clean vector [..., D]."""

    def answer(self, output: Tensor, noisy: Tensor, t: Tensor, items_VD: Tensor, clean_VD: Tensor) -> Tensor:
        """The vector [..., D] whose inner products with the embeddings rank."""


class Direct:
    """The output is the clean vector, and ranks as it is: ADRec's.

    The two ask for vectors of different lengths: to be near an embedding, and to stand out among inner products.
    """

    reads_noisy = False

    def __init__(self, diffusion: Diffusion) -> None:
        pass

    def logits(self, output: Tensor, noisy: Tensor, t: Tensor, items_VD: Tensor, clean_VD: Tensor) -> Factors:
        """Output and embeddings as they are."""
        return output, items_VD

    def clean(self, output: Tensor, noisy: Tensor, t: Tensor, items_VD: Tensor, clean_VD: Tensor) -> Tensor:
        """The output as it is."""
        return output

    def answer(self, output: Tensor, noisy: Tensor, t: Tensor, items_VD: Tensor, clean_VD: Tensor) -> Tensor:
        """The output as it is."""
        return output


class Posterior:
    """Bayes' rule over the catalogue: the output ranks, x_t is evidence, and the clean vector is the mean of them all.

    The likelihood of x_t, were item i the next, is Gaussian around its vector e_i: its logarithm is
    (sqrt(alpha_bar) x_t . e_i - alpha_bar |e_i|^2 / 2) / (1 - alpha_bar). Where the softmax is right, the mean under it
    has the least squared error of all answers, so ranking and denoising want the same. Costs [..., V].
    """

    reads_noisy = True

    def __init__(self, diffusion: Diffusion) -> None:
        self.diffusion = diffusion

    def logits(self, output: Tensor, noisy: Tensor, t: Tensor, items_VD: Tensor, clean_VD: Tensor) -> Factors:
        """The evidence moves no embedding: the vectors that it is held against are constants."""
        clean_VD = clean_VD.detach()
        squares_V1 = clean_VD.square().sum(dim=-1, keepdim=True)
        evidence, bias = self._evidence(noisy, t), self._bias(t).expand(*output.shape[:-1], 1)
        return torch.cat([output.float(), evidence, bias], dim=-1), torch.cat([items_VD, clean_VD, squares_V1], dim=-1)

    def clean(self, output: Tensor, noisy: Tensor, t: Tensor, items_VD: Tensor, clean_VD: Tensor) -> Tensor:
        """The mean of the clean vectors under the posterior."""
        left, right_VE = self.logits(output, noisy, t, items_VD, clean_VD)
        return torch.softmax(left @ right_VE.T, dim=-1) @ clean_VD

    def answer(self, output: Tensor, noisy: Tensor, t: Tensor, items_VD: Tensor, clean_VD: Tensor) -> Tensor:
        """Output and evidence; but for the lengths of the items, which an inner product cannot know."""
        unit = items_VD.square().mean().sqrt() / clean_VD.square().mean().sqrt()
        return output + self._evidence(noisy, t) / unit

    def _evidence(self, noisy: Tensor, t: Tensor) -> Tensor:
        clean_scale, noise_scale = self._scales(t)
        return clean_scale / noise_scale.square() * noisy

    def _bias(self, t: Tensor) -> Tensor:
        clean_scale, noise_scale = self._scales(t)
        return -(clean_scale / noise_scale).square() / 2

    def _scales(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return self.diffusion.clean_scale_T[t][..., None], self.diffusion.noise_scale_T[t][..., None]


ESTIMATES: dict[str, Callable[[Diffusion], Estimate]] = {"direct": Direct, "posterior": Posterior}


def raw(items: Tensor, table_VD: Tensor) -> Tensor:
    """The item embeddings themselves [..., D], which the denoising error then moves too: ADRec's."""
    return items


def standardised(items: Tensor, table_VD: Tensor) -> Tensor:
    """The item embeddings at a root mean square of 1 over the table, as a schedule of unit noise presumes.

    They are targets only: the denoising error does not move them, so they cannot collapse to please it.
    """
    return (items / table_VD.square().mean().sqrt()).detach()


LATENTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"raw": raw, "standardised": standardised}
