"""Several processes that train one model, a GPU or a core each, as torchrun starts them.

Each batch is split among them and their gradients are averaged, so the model is that of one process.
"""

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Place:
    """This process among all: `process` in 0..processes - 1."""

    process: int
    processes: int

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks for all."""
        return self.process == 0


ALONE = Place(0, 1)


def join(device: torch.device) -> Place:
    """Meet the other processes, if torchrun started any; the first call waits for all of them."""
    if not dist.is_torchelastic_launched():
        return ALONE
    if not dist.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Place(dist.get_rank(), dist.get_world_size())


def share(module: nn.Module, place: Place) -> nn.Module:
    """The module, its gradients averaged over all processes in each backward pass."""
    return module if place.processes == 1 else DistributedDataParallel(module, forward_sync_buffers=False)  # constants


def total(values: Tensor, place: Place) -> Tensor:
    """The sum of each value over all processes; `values` may become it."""
    if place.processes > 1:
        dist.all_reduce(values)
    return values


def average(values: Tensor, place: Place) -> Tensor:
    """The mean of each value over all processes; `values` may be lost."""
    return total(values, place) / place.processes


def wait(place: Place) -> None:
    """Until all processes are here."""
    if place.processes > 1:
        dist.barrier()
