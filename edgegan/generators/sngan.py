"""SNGAN: residual blocks, a spectrally normalized discriminator.

Source: Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks" (arXiv
1802.05957), appendix B; class-conditional batch norm and projection discriminator from Miyato and
Koyama 2018, "cGANs with Projection Discriminator" (arXiv 1802.05637).

| pictures | generator's channels, first side | discriminator's channels, how many halve |
|---|---|---|
| 32x32 (table 4) | 256, 256, 256, 256; 4 | 128, 128, 128, 128; 2 |
| 48x48 (table 5) | 512, 256, 128, 64; 6 | 64, 128, 256, 512, 1024; 4 |
| 128x128 (table 6) | 1024, 1024, 512, 256, 128, 64; 4 | 64, 128, 256, 512, 1024, 1024; 5 |

Only the discriminator is spectrally normalized.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import nn

from edgegan.generators.blocks.normalization import ClassBatchNorm, PlainBatchNorm
from edgegan.generators.blocks.projection import ProjectionDiscriminator
from edgegan.generators.blocks.residual import UpBlock


class Generator(nn.Module):
    """Latents, and labels if there are classes, to images.

    ``forward``: float32 ``[N, latent_size]`` (standard normal) and, with ``classes``, int64 ``[N]`` to
    float32 ``[N, image_channels, S, S]`` in [-1, 1] with ``S = start * 2**(len(channels) - 1)``.

    Args:
        latent_size: 128 in the paper.
        channels: after the linear layer and after each block.
        classes: 0 for an unconditional generator.
        start: side after the linear layer.
        image_channels: of the image.
    """

    def __init__(
        self,
        latent_size: int = 128,
        channels: Sequence[int] = (256, 256, 256, 256),
        classes: int = 0,
        start: int = 4,
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        self.shape = (channels[0], start, start)
        norm = partial(ClassBatchNorm, classes=classes) if classes else PlainBatchNorm
        self.project = nn.Linear(latent_size, channels[0] * start * start)
        self.blocks = nn.ModuleList(UpBlock(i, o, norm) for i, o in pairwise(channels))
        self.norm = nn.BatchNorm2d(channels[-1])
        self.to_image = nn.Conv2d(channels[-1], image_channels, 3, padding=1)

    def forward(self, latent: torch.Tensor, label: torch.Tensor | None = None) -> torch.Tensor:
        hidden = self.project(latent).unflatten(1, self.shape)
        for block in self.blocks:
            hidden = block(hidden, label)
        return torch.tanh(self.to_image(torch.relu(self.norm(hidden))))


class Discriminator(ProjectionDiscriminator):
    """Images, and labels if there are classes, to one logit each.

    ``forward``: float32 ``[N, image_channels, S, S]`` in [-1, 1] and, with ``classes``, int64 ``[N]`` to
    float32 ``[N]``.

    Args:
        channels: of the blocks.
        halving: how many of them, from the first on, halve the side.
        classes: 0 for an unconditional discriminator.
        image_channels: of the image.
    """

    def __init__(
        self,
        channels: Sequence[int] = (128, 128, 128, 128),
        halving: int = 2,
        classes: int = 0,
        image_channels: int = 3,
    ) -> None:
        super().__init__((image_channels, *channels), halving, classes)
