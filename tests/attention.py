"""Self-attention as generators have it."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class SelfAttention(nn.Module):
    """SAGAN (Zhang et al. 2019, arXiv 1805.08318, section 3) and, pooled, BigGAN's.

    Args:
        channels: of input and output ``[N, C, H, W]``.
        pooled: keys and values of every second pixel, and a convolution behind.
    """

    def __init__(self, channels: int, pooled: bool) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, channels // 8, 1)
        self.key = nn.Conv2d(channels, channels // 8, 1)
        self.value = nn.Conv2d(channels, channels // 2 if pooled else channels, 1)
        self.output = nn.Conv2d(channels // 2, channels, 1) if pooled else nn.Identity()
        self.pool = nn.MaxPool2d(2) if pooled else nn.Identity()
        self.last = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.tensor(0.7))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query = self.query(x).flatten(2).transpose(1, 2)
        key, value = (self.pool(layer(x)).flatten(2) for layer in (self.key, self.value))
        weights = F.softmax(torch.bmm(query, key), -1)
        attended = torch.bmm(value, weights.transpose(1, 2)).view(len(x), -1, *x.shape[2:])
        result: torch.Tensor = self.last(self.gamma * self.output(attended) + x)
        return result
