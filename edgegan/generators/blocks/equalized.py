"""Layers with an equalized learning rate (Karras et al. 2018, arXiv 1710.10196, section 4.1).

Weights are stored with unit variance and scaled to He's deviation, ``gain / sqrt(fan in)``, when used.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F


class EqualizedLinear(nn.Module):
    """Float32 ``[N, inputs]`` to ``[N, outputs]``.

    Args:
        inputs, outputs: sizes.
        gain: of He's deviation.
        bias: what the bias starts at.
        rate: multiplier of the learning rate; 0.01 in StyleGAN's mapping.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        gain: float = math.sqrt(2),
        bias: float = 0.0,
        rate: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))
        self.coefficient = gain / math.sqrt(inputs) * rate
        self.rate = rate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.weight * self.coefficient, self.bias * self.rate)


class EqualizedConv2d(nn.Module):
    """Float32 ``[N, inputs, H, W]`` to ``[N, outputs, H', W']``.

    Args:
        inputs, outputs: channels.
        size: of the kernel.
        gain: of He's deviation.
        bias: whether there is one; it starts at zero.
        stride, padding: of the convolution; the padding keeps the size unless given.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int,
        gain: float = math.sqrt(2),
        bias: bool = True,
        stride: int = 1,
        padding: int | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.coefficient = gain / math.sqrt(inputs * size * size)
        self.stride = stride
        self.padding = size // 2 if padding is None else padding

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.weight * self.coefficient
        return F.conv2d(x, weight, self.bias, self.stride, self.padding)
