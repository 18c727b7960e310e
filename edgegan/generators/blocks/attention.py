"""Self-attention over the places of a feature map (Zhang et al. 2019, SAGAN, section 3)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from edgegan.generators.blocks.convolution import Convolution, spectral


class SelfAttention(nn.Module):
    """``x + gamma * v(attended h(x))``; gamma starts at zero. Float32 ``[N, C, H, W]`` to the same.

    The four 1x1 convolutions have no bias, as the paper writes them as matrices.

    Args:
        channels: C.
        key_channels: of f and g, C/8 in the paper.
        value_channels: of h, C/8 in SAGAN, C/2 in BigGAN.
        pooled: whether keys and values are halved in height and width by a maximum, as in BigGAN.
        convolution: spectrally normalized in both papers.
    """

    def __init__(
        self,
        channels: int,
        key_channels: int,
        value_channels: int,
        pooled: bool = False,
        convolution: Convolution = spectral,
    ) -> None:
        super().__init__()
        self.query = convolution(channels, key_channels, 1, bias=False)
        self.key = convolution(channels, key_channels, 1, bias=False)
        self.value = convolution(channels, value_channels, 1, bias=False)
        self.output = convolution(value_channels, channels, 1, bias=False)
        self.pooled = pooled
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = self.query(x), self.key(x), self.value(x)
        if self.pooled:
            key, value = F.max_pool2d(key, 2), F.max_pool2d(value, 2)
        scores = query.flatten(2).transpose(1, 2) @ key.flatten(2)  # [N, HW, places of keys]
        attended = torch.softmax(scores, -1) @ value.flatten(2).transpose(1, 2)
        attended = attended.transpose(1, 2).unflatten(2, x.shape[2:])
        result: torch.Tensor = x + self.gamma * self.output(attended)
        return result
