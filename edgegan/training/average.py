"""The generator that is kept: an exponential moving average of the trained one.

Yazici et al. 2019, "The Unusual Effectiveness of Averaging in GAN Training" (arXiv 1806.04498).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


@torch.no_grad()
def follow(average: nn.Module, live: nn.Module, decay: float) -> None:
    """Move the average's parameters towards ``live``; take over its buffers.

    Buffers are the vectors of spectral norm, the mean style of truncation and the statistics of batch
    norm; an average of them would belong to no weights at all.
    """
    for mean, value in zip(average.parameters(), live.parameters(), strict=True):
        mean.lerp_(value, 1.0 - decay)
    for kept, buffer in zip(average.buffers(), live.buffers(), strict=True):
        kept.copy_(buffer)


@torch.no_grad()
def settle(module: nn.Module, draw: Callable[[], tuple[torch.Tensor, ...]], batches: int) -> None:
    """Give averaged weights buffers of their own, by ``batches`` passes in training mode.

    Batch norm's running statistics become their plain mean over the batches; spectral norm's vectors and
    the mean style come closer with every pass.

    Args:
        module: changed in place; left in eval mode.
        draw: returns one batch of inputs.
        batches: how many.
    """
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative average
    module.train()
    for _ in range(batches):
        module(*draw())
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    module.eval()
