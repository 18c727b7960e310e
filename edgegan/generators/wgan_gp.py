"""The residual generator and critic of WGAN-GP.

Source: Gulrajani et al. 2017, "Improved Training of Wasserstein GANs" (arXiv 1704.00028), appendix, table
of the CIFAR-10 ResNet:

    generator: linear 4x4x128; 3 residual blocks up, 128; batch norm, ReLU; 3x3 to 3, tanh
    critic:    2 residual blocks down, 128; 2 residual blocks, 128; ReLU; mean; linear

Batch norm in the generator, none in the critic, whose penalty is per sample. Nearest upsampling stands
before a block's first convolution, as in the authors' code and in SNGAN. QGAN (Wang et al. 2019,
section 5) takes the hyper-parameters of this paper at 32x32.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from edgegan.generators.blocks.normalization import PlainBatchNorm
from edgegan.generators.blocks.residual import DownBlock, UpBlock


class Generator(nn.Module):
    """Latents to images: each block doubles the side, from 4x4.

    ``forward``: float32 ``[N, latent_size]`` (standard normal) to float32
    ``[N, image_channels, S, S]`` in [-1, 1] with ``S = 4 * 2**(len(channels) - 1)``.
    """

    def __init__(
        self,
        latent_size: int = 128,
        channels: Sequence[int] = (128, 128, 128, 128),
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        self.first = channels[0]
        self.project = nn.Linear(latent_size, channels[0] * 16)
        self.blocks = nn.Sequential(*(UpBlock(i, o, PlainBatchNorm) for i, o in pairwise(channels)))
        self.norm = nn.BatchNorm2d(channels[-1])
        self.to_image = nn.Conv2d(channels[-1], image_channels, 3, padding=1)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        hidden = self.blocks(self.project(latent).view(-1, self.first, 4, 4))
        return torch.tanh(self.to_image(torch.relu(self.norm(hidden))))


class Discriminator(nn.Module):
    """The critic: images to one unbounded score each.

    ``forward``: float32 ``[N, image_channels, S, S]`` in [-1, 1] to float32 ``[N]``.

    Args:
        channels: of the blocks.
        halving: how many of them, from the first on, halve the side.
        image_channels: of the image.
    """

    def __init__(
        self,
        channels: Sequence[int] = (128, 128, 128, 128),
        halving: int = 2,
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        blocks = [DownBlock(image_channels, channels[0], channels[0], first=True)]
        for index, (inputs, outputs) in enumerate(pairwise(channels), start=1):
            blocks.append(DownBlock(inputs, outputs, inputs, halve=index < halving))
        self.blocks = nn.Sequential(*blocks)
        self.linear = nn.Linear(channels[-1], 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = torch.relu(self.blocks(image)).mean((2, 3))
        score: torch.Tensor = self.linear(features)
        return score.flatten()
