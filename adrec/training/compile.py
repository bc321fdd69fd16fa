"""Training with compiled blocks, for a GPU: to launch a block's many small kernels can take longer than they do.

`torch.compile` makes fewer kernels of them and, on CUDA, records what is left as CUDA graphs, launched at once. Both
are made for fixed shapes, so batches come in few of them: the number of their rows is rounded up. On a processor there
is nothing to launch (`benchmarks/speed/training.py` has what it costs there).
"""

import os
import shlex
import shutil
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from adrec.nn.transformer import Encoder

ROWS = 16  # a batch has a multiple of so many rows, or of more where it is large
SHAPES = 32  # numbers of rows that can occur; each is compiled once
LIMITS = {"recompile_limit": SHAPES, "isolate_recompiles": True}  # torch's own limit, 8, would leave the others eager
OPTIONS = {"triton.cudagraphs": True, "fallback_random": True}  # CUDA graphs; the random numbers of eager blocks


def multiple(batch_size: int) -> int:
    """What the number of rows of `batch_size` users is rounded up to; no user takes more than one row."""
    return max(ROWS, -(-batch_size // SHAPES))


def compile_blocks(network: nn.Module) -> None:
    """Have the encoders of a network compiled when they are first called with a shape.

    Raises:
        ValueError: there is no compiler.
    """
    compiler = os.environ.get("CXX", "g++")
    if not shutil.which(next(iter(shlex.split(compiler)), "")):
        raise ValueError(
            f"model.compile = true needs a C++ compiler, and there is no {compiler!r}: install it, or set CXX"
        )
    for part in network.children():
        if isinstance(part, Encoder):
            part.compile(dynamic=False, options=OPTIONS, **LIMITS)


def eager(compiled: bool) -> AbstractContextManager[None]:
    """Where shapes change all the time: compiled blocks run as they are written."""
    return torch.compiler.set_stance("force_eager") if compiled else nullcontext()
