"""Modulated convolutions as they are written: the paper's formula, one kernel a sample.

Karras et al. 2020 (arXiv 1912.04958), section 2.2, equations 1 and 3.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Modulated(nn.Module):
    """The form of rosinality/stylegan2-pytorch and of NVIDIA's fused path: groups = batch.

    Args:
        inputs, outputs, kernel: of the weight ``[1, outputs, inputs, kernel, kernel]``.
        style: size of the style vector.
        demodulate: whether each sample's kernel is normalized.
        up: whether the convolution is transposed with stride 2.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        style: int = 5,
        demodulate: bool = True,
        up: bool = False,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, outputs, inputs, kernel, kernel))
        self.gain = (inputs * kernel**2) ** -0.5
        self.affine = nn.Linear(style, inputs)
        self.demodulate = demodulate
        self.up = up

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        batch, inputs, height, width = x.shape
        _, outputs, _, kernel, _ = self.weight.shape
        style = self.affine(w).view(batch, 1, inputs, 1, 1)
        weight = self.gain * self.weight * style
        if self.demodulate:
            norm = torch.rsqrt(weight.pow(2).sum([2, 3, 4]) + 1e-8)
            weight = weight * norm.view(batch, outputs, 1, 1, 1)
        x = x.reshape(1, batch * inputs, height, width)
        if self.up:
            weight = weight.transpose(1, 2).reshape(batch * inputs, outputs, kernel, kernel)
            out = F.conv_transpose2d(x, weight, padding=0, stride=2, groups=batch)
        else:
            weight = weight.view(batch * outputs, inputs, kernel, kernel)
            out = F.conv2d(x, weight, padding=kernel // 2, groups=batch)
        return out.view(batch, outputs, out.shape[2], out.shape[3])


class Nvidia(Modulated):
    """As in NVlabs/stylegan2-ada-pytorch: another order, ``square`` and in-place products."""

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        batch = x.shape[0]
        styles = self.affine(w)
        weight = self.weight[0] * self.gain
        outputs, inputs, kernel, _ = weight.shape
        weight = weight.unsqueeze(0) * styles.reshape(batch, 1, -1, 1, 1)
        if self.demodulate:
            norm = (weight.square().sum(dim=[2, 3, 4]) + 1e-8).rsqrt()
            weight = weight * norm.reshape(batch, -1, 1, 1, 1)
        x = x.reshape(1, -1, *x.shape[2:])
        if self.up:
            weight = weight.reshape(batch, outputs, inputs, kernel, kernel).transpose(1, 2)
            weight = weight.reshape(batch * inputs, outputs, kernel, kernel)
            out = F.conv_transpose2d(x, weight, stride=2, groups=batch)
        else:
            out = F.conv2d(
                x, weight.reshape(-1, inputs, kernel, kernel), padding=kernel // 2, groups=batch
            )
        return out.reshape(batch, -1, *out.shape[2:])


class Upsampling(nn.Module):
    """A modulated transposed convolution and its blur, [1, 3, 3, 1] in both axes."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = Modulated(inputs, outputs, 3, up=True)
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
        self.register_buffer("blur", torch.outer(taps, taps) / 16)

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        x = self.convolution(x, w)
        batch, channels, height, width = x.shape
        x = F.pad(x.reshape(batch * channels, 1, height, width), (1, 1, 1, 1))
        x = F.conv2d(x, self.blur[None, None].flip(2, 3))
        return x.view(batch, channels, x.shape[2], x.shape[3])
