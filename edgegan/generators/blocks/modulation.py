"""Modulated convolution of StyleGAN2 (Karras et al. 2020, arXiv 1912.04958, section 2.2)."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from edgegan.generators.blocks.equalized import EqualizedLinear
from edgegan.generators.blocks.resample import Blur


class ModulatedConv2d(nn.Module):
    """A convolution whose weight is scaled by the style per input channel, then normalized per output.

    Scaling the weights of each sample (equations 1 and 3) equals scaling the activations before and after
    one constant weight, and that is how it is computed here: no weight depends on the sample.

    ``forward``: float32 ``[N, inputs, H, W]`` and styles ``[N, style_size]`` to ``[N, outputs, H, W]``, or
    ``[N, outputs, 2H, 2W]`` when upsampling.

    Args:
        inputs, outputs: channels.
        size: of the kernel.
        style_size: of a style.
        demodulated: whether outputs are normalized; not in the layers to RGB.
        upsample: double the side by a transposed convolution and a filter (appendix B).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int,
        style_size: int,
        demodulated: bool = True,
        upsample: bool = False,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size))
        self.coefficient = 1 / math.sqrt(inputs * size * size)
        self.style = EqualizedLinear(style_size, inputs, gain=1.0, bias=1.0)
        self.demodulated = demodulated
        self.blur = Blur(outputs, (1, 3, 3, 1), padding=1, gain=4.0) if upsample else None

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        scale = self.style(style)
        weight = self.weight * self.coefficient
        x = x * scale[:, :, None, None]
        if self.blur is None:
            x = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        else:
            x = self.blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2))
        if self.demodulated:
            energy = F.linear(scale.square(), weight.square().sum((2, 3)))
            x = x * torch.rsqrt(energy + 1e-8)[:, :, None, None]
        return x
