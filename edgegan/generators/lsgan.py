"""The networks of LSGAN, made for 112x112.

Source: Mao et al. 2017, "Least Squares Generative Adversarial Networks" (arXiv 1611.04076), section 3.3
and figure 1:

    generator:     linear 7x7x256; 3x3 deconvolutions 256 /2, 256, 256 /2, 256, 128 /2, 64 /2, 3
    discriminator: 5x5 convolutions 64 /2, 128 /2, 256 /2, 512 /2; linear

Batch norm after every layer but the generator's last and the discriminator's first and last; ReLU in the
generator, LeakyReLU(0.2) in the discriminator.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

STAGES = ((256, 2), (256, 1), (256, 2), (256, 1), (128, 2), (64, 2))
"""Channels and stride of the paper's deconvolutions, without the one to the image."""


class Generator(nn.Module):
    """Latents to images.

    ``forward``: float32 ``[N, latent_size]`` (standard normal; the paper's law is not given) to float32
    ``[N, image_channels, S, S]`` in [-1, 1], S being ``start`` times all strides.

    Args:
        latent_size: 1024 in the paper.
        start: side after the linear layer; 4 with the first five stages makes 32x32.
        width: channels after the linear layer.
        stages: channels and stride of each deconvolution.
        image_channels: of the image.
    """

    def __init__(
        self,
        latent_size: int = 1024,
        start: int = 7,
        width: int = 256,
        stages: Sequence[Sequence[int]] = STAGES,
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        self.shape = (width, start, start)
        self.project = nn.Linear(latent_size, width * start * start)
        layers: list[nn.Module] = [nn.BatchNorm2d(width), nn.ReLU()]
        inputs = width
        for outputs, stride in stages:
            layers += [
                nn.ConvTranspose2d(inputs, outputs, 3, stride, 1, stride - 1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
            ]
            inputs = outputs
        layers += [nn.ConvTranspose2d(inputs, image_channels, 3, 1, 1), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        image: torch.Tensor = self.main(self.project(latent).unflatten(1, self.shape))
        return image


class Discriminator(nn.Module):
    """Images to one unbounded score each, to be regressed to 1 (real) and 0.

    ``forward``: float32 ``[N, image_channels, side, side]`` in [-1, 1] to float32 ``[N]``; ``side`` is a
    multiple of ``2**len(channels)``.
    """

    def __init__(
        self,
        side: int = 112,
        channels: Sequence[int] = (64, 128, 256, 512),
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(image_channels, channels[0], 5, 2, 2),
            nn.LeakyReLU(0.2),
        ]
        for narrow, wide in pairwise(channels):
            layers += [
                nn.Conv2d(narrow, wide, 5, 2, 2, bias=False),
                nn.BatchNorm2d(wide),
                nn.LeakyReLU(0.2),
            ]
        last = side // 2 ** len(channels)
        self.main = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels[-1] * last * last, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        score: torch.Tensor = self.main(image)
        return score.flatten()
