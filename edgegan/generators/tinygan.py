"""TinyGAN: a student of BigGAN whose residual blocks have depthwise-separable convolutions.

Source: Chang and Lu 2020, "TinyGAN: Distilling BigGAN for Conditional Image Generation" (arXiv
2009.13829).

The class's shared embedding conditions the norms; the latent is not split, and there is no attention. With
a width of 32 at 128x128 it has 3.1 million parameters (Vo et al. 2022, PPCD-GAN, table 1). Details that the
paper leaves open are those of the authors' published network: bilinear upsampling, no spectral
normalization in the generator.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import torch
from torch import nn

from edgegan.generators.blocks.convolution import separable, spectrally_normalized
from edgegan.generators.blocks.normalization import ProjectedBatchNorm
from edgegan.generators.blocks.projection import ProjectionHead
from edgegan.generators.blocks.residual import UpBlock


class Generator(nn.Module):
    """Latents and labels to images.

    ``forward``: float32 ``[N, latent_size]`` (standard normal) and int64 ``[N]`` to float32
    ``[N, image_channels, S, S]`` in [-1, 1] with ``S = 4 * 2**blocks``.

    Args:
        width: channels of the last block; each block before has twice as many, the first two the same.
        blocks: how many.
        latent_size: of a latent.
        classes: how many.
        embedding_size: of the shared class embedding.
        upsampling: ``bilinear``, or ``nearest`` as in BigGAN.
        image_channels: of the image.
    """

    def __init__(
        self,
        width: int = 32,
        blocks: int = 5,
        latent_size: int = 128,
        classes: int = 1000,
        embedding_size: int = 128,
        upsampling: str = "bilinear",
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        channels = [width * 2**power for power in (blocks - 1, *range(blocks - 1, -1, -1))]
        self.first = channels[0]
        norm = partial(ProjectedBatchNorm, size=embedding_size, linear=nn.Linear)
        self.embedding = nn.Embedding(classes, embedding_size)
        self.project = nn.Linear(latent_size, channels[0] * 16)
        self.blocks = nn.ModuleList(
            UpBlock(i, o, norm, separable, upsampling) for i, o in pairwise(channels)
        )
        self.norm = nn.BatchNorm2d(channels[-1])
        self.to_image = nn.Conv2d(channels[-1], image_channels, 3, padding=1)

    def forward(self, latent: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        embedded = self.embedding(label)
        hidden = self.project(latent).view(-1, self.first, 4, 4)
        for block in self.blocks:
            hidden = block(hidden, embedded)
        return torch.tanh(self.to_image(torch.relu(self.norm(hidden))))


class Discriminator(nn.Module):
    """Spectrally normalized 4x4 convolutions with stride 2, LeakyReLU(0.01), sum, projection.

    ``forward``: float32 ``[N, image_channels, S, S]`` in [-1, 1] and int64 ``[N]`` to float32 ``[N]``.

    Args:
        width: channels of the first layer; each further one has twice as many.
        layers: how many.
        classes: how many.
        image_channels: of the image.
    """

    def __init__(
        self, width: int = 64, layers: int = 5, classes: int = 1000, image_channels: int = 3
    ) -> None:
        super().__init__()
        channels = [image_channels, *(width * 2**power for power in range(layers))]
        parts: list[nn.Module] = []
        for inputs, outputs in pairwise(channels):
            parts += [
                spectrally_normalized(nn.Conv2d(inputs, outputs, 4, 2, 1)),
                nn.LeakyReLU(0.01),
            ]
        self.main = nn.Sequential(*parts)
        self.head = ProjectionHead(channels[-1], classes)

    def forward(self, image: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        logit: torch.Tensor = self.head(self.main(image).sum((2, 3)), label)
        return logit
