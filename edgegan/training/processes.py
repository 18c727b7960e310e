"""The processes that train together: one, or those that ``torchrun`` started.

Each takes its share of every batch, and gradients are averaged (``DistributedDataParallel``; gloo between
CPUs, NCCL between GPUs), so that any number of them takes the steps of one.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed, nn

from edgegan.errors import EdgeganError, RecipeError
from edgegan.launch import launched

_PATIENCE = timedelta(days=7)
"""The first process runs whole stages while the others wait for it."""


@dataclass(frozen=True)
class Processes:
    """What one process knows of them.

    Attributes:
        rank: of this one; 0 writes.
        count: how many there are.
        device: on which this one computes.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def check_batch(self, size: int) -> None:
        """Refuse batches that cannot be shared evenly.

        Raises:
            RecipeError: if they cannot.
        """
        if size % self.count:
            raise RecipeError(
                f"tune.distillation.batch_size: {size} images are not to be shared by {self.count} "
                "processes; take a multiple of their number."
            )

    def share(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """The part of a batch that is for this process."""
        return index[self.rank :: self.count]

    def parallel(self, module: nn.Module) -> nn.Module:
        """The module whose forward this process is to call: gradients of its parameters are averaged.

        Every parameter must have a gradient. Batch norms see their process's share of a batch.
        """
        if self.count == 1:
            return module
        # the option that follows it is not in all versions that edgegan runs with
        warnings.filterwarnings("ignore", message="`broadcast_buffers` is deprecated")
        return nn.parallel.DistributedDataParallel(module, broadcast_buffers=False)

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """Of all processes; without gradient."""
        if self.count == 1:
            return value
        total = value.detach().clone()
        distributed.all_reduce(total)
        return total / self.count

    def mean_of(self, losses: dict[str, float]) -> dict[str, float]:
        """``mean`` of each number."""
        if self.count == 1:
            return losses
        values = self.mean(torch.tensor(list(losses.values()), dtype=torch.float64))
        return dict(zip(losses, values.tolist(), strict=True))

    def together(self, value: torch.Tensor) -> torch.Tensor:
        """Values ``[N, ...]`` of all processes, ``[count * N, ...]``; without gradient."""
        if self.count == 1:
            return value.detach()
        parts = [torch.empty_like(value) for _ in range(self.count)]
        distributed.all_gather(parts, value.detach().contiguous())
        return torch.cat(parts)

    def heard(self, said: bool) -> bool:
        """What the first process says, when all are here; what the others say does not count.

        Raises:
            EdgeganError: if the first process has ended.
        """
        if self.count == 1:
            return said
        flag = torch.tensor([float(said and self.rank == 0)])
        try:
            distributed.all_reduce(flag)
        except RuntimeError as error:
            raise EdgeganError(f"another process has ended ({error}); see what it says.") from None
        return bool(flag.item())


ALONE = Processes()


def here() -> Processes:
    """Of this process, which takes its GPU if there is one."""
    place = int(os.environ.get("LOCAL_RANK", 0))
    cuda = torch.cuda.is_available()
    device = (
        torch.device("cuda", place % torch.cuda.device_count()) if cuda else torch.device("cpu")
    )
    if not distributed.is_initialized():
        return Processes(device=device)
    return Processes(distributed.get_rank(), distributed.get_world_size(), device)


@contextmanager
def joined() -> Iterator[Processes]:
    """Within, the processes that were started together know each other."""
    if not launched():
        yield here()
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield here()
    finally:
        distributed.destroy_process_group()
