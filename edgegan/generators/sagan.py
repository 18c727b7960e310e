"""SAGAN: spectral normalization in both networks, self-attention in the middle.

Source: Zhang et al. 2019, "Self-Attention Generative Adversarial Networks" (arXiv 1805.08318).

Two forms. ``Generator`` and ``Discriminator`` are unconditional, with upsampling and convolution in place
of transposed convolution, as Andreev et al. 2021 (arXiv 2108.13996, appendix A.2) adapt an implementation
for 64x64 faces. ``ResidualGenerator`` and ``ResidualDiscriminator`` are the class-conditional ones of the
paper's section 5 at 128x128, SNGAN's with attention: it stands at 64x64, the best of the paper's table 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import nn

from edgegan.generators.blocks.attention import SelfAttention
from edgegan.generators.blocks.convolution import spectral, spectrally_normalized
from edgegan.generators.blocks.normalization import ClassBatchNorm
from edgegan.generators.blocks.projection import ProjectionDiscriminator
from edgegan.generators.blocks.residual import UpBlock


class Generator(nn.Module):
    """Linear to 4x4, stages of (upsample, 3x3, batch norm, ReLU), then upsample and 3x3 to the image.

    ``forward``: float32 ``[N, latent_size]`` (standard normal) to float32
    ``[N, image_channels, S, S]`` in [-1, 1] with ``S = 4 * 2**len(channels)``.

    Args:
        latent_size: of a latent.
        channels: after the linear layer and after each stage.
        attention: sides of the feature maps that attention follows.
        image_channels: of the image.
    """

    def __init__(
        self,
        latent_size: int = 128,
        channels: Sequence[int] = (512, 256, 128, 64),
        attention: Sequence[int] = (16, 32),
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        self.first = channels[0]
        self.project = spectrally_normalized(nn.Linear(latent_size, channels[0] * 16, bias=False))
        layers: list[nn.Module] = [nn.BatchNorm2d(channels[0]), nn.ReLU()]
        side = 4
        for inputs, outputs in pairwise(channels):
            layers += [nn.Upsample(scale_factor=2), spectral(inputs, outputs, bias=False)]
            layers += [nn.BatchNorm2d(outputs), nn.ReLU()]
            side *= 2
            if side in attention:
                layers.append(_attention(outputs))
        layers += [nn.Upsample(scale_factor=2), nn.Conv2d(channels[-1], image_channels, 3, 1, 1)]
        self.main = nn.Sequential(*layers, nn.Tanh())

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        image: torch.Tensor = self.main(self.project(latent).view(-1, self.first, 4, 4))
        return image


class Discriminator(nn.Module):
    """4x4 convolutions with stride 2 and LeakyReLU(0.1), attention, a 4x4 convolution to the logit.

    ``forward``: float32 ``[N, image_channels, S, S]`` in [-1, 1] to float32 ``[N]`` with
    ``S = 4 * 2**len(channels)``; ``attention`` holds sides of feature maps.
    """

    def __init__(
        self,
        channels: Sequence[int] = (64, 128, 256, 512),
        attention: Sequence[int] = (8, 4),
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        side = 4 * 2 ** len(channels)
        for inputs, outputs in pairwise((image_channels, *channels)):
            layers += [
                spectrally_normalized(nn.Conv2d(inputs, outputs, 4, 2, 1)),
                nn.LeakyReLU(0.1),
            ]
            side //= 2
            if side in attention:
                layers.append(_attention(outputs))
        self.main = nn.Sequential(*layers, nn.Conv2d(channels[-1], 1, 4))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logit: torch.Tensor = self.main(image)
        return logit.flatten()


class ResidualGenerator(nn.Module):
    """Latents and labels to images.

    ``forward``: float32 ``[N, latent_size]`` (standard normal) and int64 ``[N]`` to float32
    ``[N, image_channels, S, S]`` in [-1, 1] with ``S = 4 * 2**(len(channels) - 1)``.

    Args:
        latent_size: of a latent.
        channels: after the linear layer and after each block.
        classes: how many.
        attention: side of the feature map that attention follows.
        image_channels: of the image.
    """

    def __init__(
        self,
        latent_size: int = 128,
        channels: Sequence[int] = (1024, 1024, 512, 256, 128, 64),
        classes: int = 1000,
        attention: int = 64,
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        self.first = channels[0]
        norm = partial(ClassBatchNorm, classes=classes)
        self.project = spectrally_normalized(nn.Linear(latent_size, channels[0] * 16))
        self.blocks = nn.ModuleList(UpBlock(i, o, norm, spectral) for i, o in pairwise(channels))
        sides = [8 * 2**index for index in range(len(self.blocks))]
        self.attended = sides.index(attention)
        self.attention = _attention(channels[self.attended + 1])
        self.norm = nn.BatchNorm2d(channels[-1])
        self.to_image = spectral(channels[-1], image_channels)

    def forward(self, latent: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        hidden = self.project(latent).view(-1, self.first, 4, 4)
        for index, block in enumerate(self.blocks):
            hidden = block(hidden, label)
            if index == self.attended:
                hidden = self.attention(hidden)
        return torch.tanh(self.to_image(torch.relu(self.norm(hidden))))


class ResidualDiscriminator(ProjectionDiscriminator):
    """Images and labels to one logit each; all blocks but the last halve the side.

    ``forward``: float32 ``[N, image_channels, side, side]`` in [-1, 1] and int64 ``[N]`` to float32
    ``[N]``.
    """

    def __init__(
        self,
        channels: Sequence[int] = (64, 128, 256, 512, 1024, 1024),
        classes: int = 1000,
        side: int = 128,
        attention: int = 64,
        image_channels: int = 3,
    ) -> None:
        every = (image_channels, *channels)
        super().__init__(every, len(channels) - 1, classes, False, _attention, side, attention)


def _attention(channels: int) -> SelfAttention:
    return SelfAttention(channels, channels // 8, channels // 8)
