"""Minibatch standard deviation and the discriminators that use it.

Karras et al. 2018 (arXiv 1710.10196), section 3 and table 2; both StyleGANs keep them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import nn

from edgegan.generators.blocks.equalized import EqualizedConv2d, EqualizedLinear


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


class DeviationDiscriminator(nn.Module):
    """Images to one logit each: the family's layers to 4x4, the deviation, 3x3, two linear layers.

    ``forward``: float32 ``[N, image_channels, S, S]`` to float32 ``[N]``; N is at most 4 or a multiple of
    4.

    Args:
        main: from the image to ``[N, channels, 4, 4]``.
        channels: of the 4x4 feature map.
        activation: makes one.
        gain: of the layers with an activation behind them.
    """

    def __init__(
        self,
        main: Iterable[nn.Module],
        channels: int,
        activation: Callable[[], nn.Module],
        gain: float = math.sqrt(2),
    ) -> None:
        super().__init__()
        self.main = nn.Sequential(*main)
        self.head = nn.Sequential(
            EqualizedConv2d(channels + 1, channels, 3, gain),
            activation(),
            nn.Flatten(),
            EqualizedLinear(channels * 16, channels, gain),
            activation(),
            EqualizedLinear(channels, 1, gain=1.0),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logit: torch.Tensor = self.head(append_deviation(self.main(image)))
        return logit.flatten()
