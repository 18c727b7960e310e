"""SRGAN: super-resolution by 4, with PReLU and pixel shuffle.

Source: Ledig et al. 2017, "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial
Network" (arXiv 1609.04802), section 2.1 and figure 4:

    generator (SRResNet): k9n64, PReLU; 16 residual blocks (k3n64, BN, PReLU, k3n64, BN); k3n64, BN, plus
                          the first layer's output; 2 times (k3n256, pixel shuffle, PReLU); k9n3
    discriminator:        k3: n64, n64 /2, n128, n128 /2, n256, n256 /2, n512, n512 /2; linear 1024, 1
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around an identity, float32 ``[N, channels, H, W]``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.PReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = x + self.body(x)
        return result


class Generator(nn.Module):
    """Small pictures to large ones.

    ``forward``: float32 ``[N, image_channels, H, W]`` in [0, 1] to float32 ``[N, image_channels, 2**d H,
    2**d W]``, unbounded, trained towards [-1, 1] (section 3.2).

    Args:
        width: channels, 64 in the paper.
        blocks: residual blocks, 16 in the paper.
        doublings: d.
        image_channels: of input and output.
    """

    def __init__(
        self, width: int = 64, blocks: int = 16, doublings: int = 2, image_channels: int = 3
    ) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(image_channels, width, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(
            *(ResidualBlock(width) for _ in range(blocks)),
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
        )
        tail: list[nn.Module] = []
        for _ in range(doublings):
            tail += [nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.PReLU()]
        self.tail = nn.Sequential(*tail, nn.Conv2d(width, image_channels, 9, padding=4))

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        hidden = self.head(picture)
        image: torch.Tensor = self.tail(hidden + self.body(hidden))
        return image


class Discriminator(nn.Module):
    """Large pictures to one logit each (the figure's sigmoid belongs to the loss).

    ``forward``: float32 ``[N, image_channels, side, side]`` to float32 ``[N]``.

    Args:
        channels: each for a layer of stride 1 and one of stride 2.
        hidden: of the linear layer.
        side: of the picture, 96 in the paper; a multiple of ``2**len(channels)``.
        image_channels: of the picture.
    """

    def __init__(
        self,
        channels: Sequence[int] = (64, 128, 256, 512),
        hidden: int = 1024,
        side: int = 96,
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        widths = [width for width in channels for _ in range(2)]
        layers: list[nn.Module] = [
            nn.Conv2d(image_channels, channels[0], 3, 1, 1),
            nn.LeakyReLU(0.2),
        ]
        for index, (inputs, outputs) in enumerate(pairwise(widths), start=1):
            layers += [
                nn.Conv2d(inputs, outputs, 3, 1 + index % 2, 1),
                nn.BatchNorm2d(outputs),
                nn.LeakyReLU(0.2),
            ]
        last = side // 2 ** len(channels)
        self.main = nn.Sequential(
            *layers,
            nn.Flatten(),
            nn.Linear(channels[-1] * last * last, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, 1),
        )

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        logit: torch.Tensor = self.main(picture)
        return logit.flatten()
