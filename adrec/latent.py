"""What the diffusion process runs on.

Legend: V items, D width.
"""

from collections.abc import Callable

from torch import Tensor


def raw(items: Tensor, table_VD: Tensor) -> Tensor:
    """The item embeddings themselves [..., D], which the denoising error then moves too: ADRec's."""
    return items


def standardised(items: Tensor, table_VD: Tensor) -> Tensor:
    """The item embeddings at a root mean square of 1 over the table, as a schedule of unit noise presumes.

    They are targets only: the denoising error does not move them, so they cannot collapse to please it.
    """
    return (items / table_VD.square().mean().sqrt()).detach()


LATENTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"raw": raw, "standardised": standardised}
