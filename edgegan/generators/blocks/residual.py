"""Pre-activation residual blocks that double or halve a feature map.

Gulrajani et al. 2017, appendix; Miyato et al. 2018, appendix B and figure 8; Brock et al. 2019,
appendix B and figure 15.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from edgegan.generators.blocks.convolution import Convolution, plain
from edgegan.generators.blocks.normalization import Normalization


class UpBlock(nn.Module):
    """norm, ReLU, upsample, 3x3, norm, ReLU, 3x3; the shortcut is upsample, 1x1.

    ``forward``: float32 ``[N, inputs, H, W]`` and the norms' condition to ``[N, outputs, 2H, 2W]``.

    Args:
        inputs, outputs: channels.
        norm: makes both normalizations.
        convolution: makes all three convolutions.
        upsampling: ``nearest`` or ``bilinear``.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        norm: Normalization,
        convolution: Convolution = plain,
        upsampling: str = "nearest",
    ) -> None:
        super().__init__()
        self.norm1, self.norm2 = norm(inputs), norm(outputs)
        self.conv1, self.conv2 = convolution(inputs, outputs), convolution(outputs, outputs)
        self.shortcut = convolution(inputs, outputs, 1)
        self.upsample = nn.Upsample(scale_factor=2, mode=upsampling)

    def forward(self, x: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        hidden = self.conv1(self.upsample(torch.relu(self.norm1(x, condition))))
        hidden = self.conv2(torch.relu(self.norm2(hidden, condition)))
        result: torch.Tensor = hidden + self.shortcut(self.upsample(x))
        return result


class DownBlock(nn.Module):
    """ReLU, 3x3, ReLU, 3x3, mean of 2x2; the shortcut is 1x1, mean.

    ``forward``: float32 ``[N, inputs, H, W]`` to ``[N, outputs, H/2, W/2]``, or to the same size.

    Args:
        inputs, outputs: channels.
        hidden: channels between the convolutions.
        convolution: makes all convolutions.
        halve: whether the block halves; one that does not and keeps its channels has an identity
            shortcut.
        first: whether this block sees the picture: no ReLU before it, and the shortcut pools first.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: int,
        convolution: Convolution = plain,
        halve: bool = True,
        first: bool = False,
    ) -> None:
        super().__init__()
        self.conv1, self.conv2 = convolution(inputs, hidden), convolution(hidden, outputs)
        learned = halve or inputs != outputs
        self.shortcut = convolution(inputs, outputs, 1) if learned else nn.Identity()
        self.halve, self.first = halve, first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.conv1(x if self.first else torch.relu(x))
        hidden = self.conv2(torch.relu(hidden))
        if not self.halve:
            result: torch.Tensor = hidden + self.shortcut(x)
        elif self.first:
            result = F.avg_pool2d(hidden, 2) + self.shortcut(F.avg_pool2d(x, 2))
        else:
            result = F.avg_pool2d(hidden, 2) + F.avg_pool2d(self.shortcut(x), 2)
        return result
