"""Minibatch standard deviation (Karras et al. 2018, arXiv 1710.10196, section 3)."""

from __future__ import annotations

import torch


def append_deviation(x: torch.Tensor, group: int = 4) -> torch.Tensor:
    """Append how much a group of samples varies as one more channel.

    Args:
        x: float32 ``[N, C, H, W]``, N a multiple of the group.
        group: samples of a group; all of them if there are fewer.

    Returns:
        ``[N, C + 1, H, W]``.
    """
    samples, _, height, width = x.shape
    group = min(group, samples)
    grouped = x.reshape(group, samples // group, *x.shape[1:])
    deviation = (grouped.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    channel = deviation.repeat(group)[:, None, None, None].expand(-1, 1, height, width)
    return torch.cat([x, channel], 1)
