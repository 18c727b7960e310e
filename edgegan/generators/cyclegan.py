"""The networks of CycleGAN.

Source: Zhu et al. 2017 (arXiv 1703.10593), section 7.2, after Johnson et al. 2016 and Isola et al. 2017:

    generator:     c7s1-64, d128, d256, R256 x blocks, u128, u64, c7s1-3
    discriminator: C64-C128-C256-C512, then a convolution to one channel (70x70 PatchGAN)

Reflection padding, instance norm without learned scale, 6 residual blocks for 128x128 pictures and 9 for
256x256.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

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


class Discriminator(nn.Module):
    """The PatchGAN: one logit for each patch of the picture, 70x70 pixels with the paper's channels.

    4x4 convolutions, stride 2 but in the last two; LeakyReLU(0.2); no norm in the first layer.

    ``forward``: float32 ``[N, image_channels, H, W]`` in [-1, 1] to float32 ``[N, 1, H/8 - 2, W/8 - 2]``.

    Args:
        channels: of all layers but the last.
        norm: makes a normalization for a number of channels.
        image_channels: of the picture; for pix2pix of both pictures, joined.
    """

    def __init__(
        self,
        channels: Sequence[int] = (64, 128, 256, 512),
        norm: Callable[[int], nn.Module] = nn.InstanceNorm2d,
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(image_channels, channels[0], 4, 2, 1),
            nn.LeakyReLU(0.2),
        ]
        last = len(channels) - 1
        for index, (inputs, outputs) in enumerate(pairwise(channels), start=1):
            stride = 1 if index == last else 2
            layers += [nn.Conv2d(inputs, outputs, 4, stride, 1), norm(outputs), nn.LeakyReLU(0.2)]
        self.main = nn.Sequential(*layers, nn.Conv2d(channels[-1], 1, 4, 1, 1))

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.main(picture)
        return logits


def _normalized(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.InstanceNorm2d(channels), nn.ReLU(inplace=True)
