"""The convolutional GANs of three and of five layers.

Source: Hötter, Real-Enríquez, Wenck 2020, "Post-Training Quantization of Generative Adversarial
Networks", section 4: five layers for MNIST, three for Fashion-MNIST and CIFAR-10. The report gives
neither widths nor kernels. Here every layer is a transposed convolution as in DCGAN, and the latent is
a picture of one place. With S the side (28 or 32):

    3 layers: 1 -> S/4 -> S/2 -> S
    5 layers: 1 -> 4 -> S/4 -> S/2 -> S -> S (the last one 3x3 with stride 1)
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn


class Generator(nn.Module):
    """Transposed convolutions, batch norm, ReLU, tanh; one layer more than there are widths.

    ``forward``: float32 ``[N, latent_size]`` (standard normal) to float32
    ``[N, image_channels, side, side]`` in [-1, 1].

    Args:
        latent_size: of a latent.
        channels: two widths for three layers, four for five.
        side: 28 or 32.
        image_channels: of the image.
    """

    def __init__(
        self,
        latent_size: int = 100,
        channels: Sequence[int] = (128, 64),
        side: int = 28,
        image_channels: int = 1,
    ) -> None:
        super().__init__()
        widths = (latent_size, *channels, image_channels)
        layers: list[nn.Module] = []
        geometries = _geometries(len(channels) + 1, side)
        for (inputs, outputs), geometry in zip(pairwise(widths), geometries, strict=True):
            layers += [nn.ConvTranspose2d(inputs, outputs, *geometry, bias=False)]
            layers += [nn.BatchNorm2d(outputs), nn.ReLU()]
        layers[-3:] = [nn.ConvTranspose2d(channels[-1], image_channels, *geometries[-1]), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        image: torch.Tensor = self.main(latent[:, :, None, None])
        return image


class Discriminator(nn.Module):
    """The generator's mirror with LeakyReLU(0.2).

    ``forward``: float32 ``[N, image_channels, side, side]`` to logits float32 ``[N]``.
    """

    def __init__(
        self, channels: Sequence[int] = (64, 128), side: int = 28, image_channels: int = 1
    ) -> None:
        super().__init__()
        widths = (image_channels, *channels, 1)
        layers: list[nn.Module] = []
        geometries = _geometries(len(channels) + 1, side)[::-1]
        for (inputs, outputs), geometry in zip(pairwise(widths), geometries, strict=True):
            layers += [nn.Conv2d(inputs, outputs, *geometry), nn.BatchNorm2d(outputs)]
            layers += [nn.LeakyReLU(0.2)]
        self.main = nn.Sequential(layers[0], *layers[2:-2])  # no norm at the image and at the logit

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logit: torch.Tensor = self.main(image)
        return logit.flatten()


def _geometries(layers: int, side: int) -> list[tuple[int, int, int]]:
    """Kernel, stride and padding of each layer, from the latent to the image."""
    if side not in (28, 32):
        raise ValueError(f"side {side} is not 28 or 32")
    doubling = (4, 2, 1)
    if layers == 3:
        return [(side // 4, 1, 0), doubling, doubling]
    if layers == 5:
        second = (3, 2, 1) if side == 28 else doubling
        return [(4, 1, 0), second, doubling, doubling, (3, 1, 1)]
    raise ValueError(f"{layers} layers are not 3 or 5")
