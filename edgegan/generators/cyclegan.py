"""The generator of CycleGAN (Zhu et al. 2017, arXiv 1703.10593, section 7.2, after Johnson et al. 2016).

    c7s1-64, d128, d256, R256 x blocks, u128, u64, c7s1-3

Reflection padding, instance norm without learned scale, 6 residual blocks for 128x128 pictures and 9 for
256x256.
"""

from __future__ import annotations

import torch
from torch import nn


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around an identity.

    Args:
        channels: of input and output ``[N, C, H, W]``.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = x + self.body(x)
        return result


class Generator(nn.Module):
    """Pictures to pictures.

    Args:
        width: channels of the first layer.
        blocks: residual blocks.
        image_channels: of input and output.

    Input and output are ``[N, image_channels, H, W]`` in [-1, 1], H and W multiples of 4.
    """

    def __init__(self, width: int = 64, blocks: int = 6, image_channels: int = 3) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.ReflectionPad2d(3),
            nn.Conv2d(image_channels, width, 7),
            *_normalized(width),
            nn.Conv2d(width, 2 * width, 3, 2, 1),
            *_normalized(2 * width),
            nn.Conv2d(2 * width, 4 * width, 3, 2, 1),
            *_normalized(4 * width),
            *(ResidualBlock(4 * width) for _ in range(blocks)),
            nn.ConvTranspose2d(4 * width, 2 * width, 3, 2, 1, output_padding=1),
            *_normalized(2 * width),
            nn.ConvTranspose2d(2 * width, width, 3, 2, 1, output_padding=1),
            *_normalized(width),
            nn.ReflectionPad2d(3),
            nn.Conv2d(width, image_channels, 7),
            nn.Tanh(),
        )

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        image: torch.Tensor = self.model(picture)
        return image


def _normalized(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.InstanceNorm2d(channels), nn.ReLU(inplace=True)
