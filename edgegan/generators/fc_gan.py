"""The fully connected GAN: four linear layers.

Source: Hötter, Real-Enríquez, Wenck 2020, "Post-Training Quantization of Generative Adversarial
Networks", section 4 (MNIST). The report gives no widths;
here they are 256, 512 and 1024, with LeakyReLU(0.2), the usual ones for this network.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn


class Generator(nn.Module):
    """Latents to images through ``len(widths) + 1`` linear layers.

    ``forward``: float32 ``[N, latent_size]`` (standard normal) to float32
    ``[N, image_channels, side, side]`` in [-1, 1].
    """

    def __init__(
        self,
        latent_size: int = 100,
        widths: Sequence[int] = (256, 512, 1024),
        side: int = 28,
        image_channels: int = 1,
    ) -> None:
        super().__init__()
        self.shape = (image_channels, side, side)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((latent_size, *widths)):
            layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(0.2)]
        layers += [nn.Linear(widths[-1], image_channels * side * side), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        image: torch.Tensor = self.main(latent).unflatten(1, self.shape)
        return image


class Discriminator(nn.Module):
    """The mirror of the generator, with dropout in training.

    ``forward``: float32 ``[N, image_channels, side, side]`` to logits float32 ``[N]``.
    """

    def __init__(
        self,
        widths: Sequence[int] = (1024, 512, 256),
        side: int = 28,
        image_channels: int = 1,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, outputs in pairwise((image_channels * side * side, *widths)):
            layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(0.2), nn.Dropout(dropout)]
        self.main = nn.Sequential(*layers, nn.Linear(widths[-1], 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logit: torch.Tensor = self.main(image)
        return logit.flatten()
