"""StyleGAN2: modulated convolutions in place of AdaIN, images summed over the sides.

Source: Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN" (arXiv 1912.04958),
sections 2 and 4, figures 2 and 7, appendix B (configuration F): skip generator, residual discriminator.

Channels of the paper from 4x4 to 1024x1024: 512, 512, 512, 512, 512, 256, 128, 64, 32.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from edgegan.generators.blocks.equalized import EqualizedConv2d
from edgegan.generators.blocks.mapping import Mapping
from edgegan.generators.blocks.minibatch import DeviationDiscriminator
from edgegan.generators.blocks.modulation import ModulatedConv2d
from edgegan.generators.blocks.noise import Noise, NoiseKind, split_noise
from edgegan.generators.blocks.resample import Blur, UpsampleFilter

TAPS = (1, 3, 3, 1)


class ScaledLeakyReLU(nn.Module):
    """LeakyReLU(0.2) times the square root of 2, which keeps the variance (appendix B)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.leaky_relu(x, 0.2) * math.sqrt(2)


class StyledLayer(nn.Module):
    """Modulated 3x3 convolution, noise, bias, LeakyReLU.

    ``forward``: float32 ``[N, inputs, H, W]``, styles ``[N, style_size]`` and perhaps noise to
    ``[N, outputs, H, W]``, or twice the side.
    """

    def __init__(
        self, inputs: int, outputs: int, style_size: int, noise: Noise | None, upsample: bool
    ) -> None:
        super().__init__()
        self.convolution = ModulatedConv2d(inputs, outputs, 3, style_size, upsample=upsample)
        self.noise = noise
        self.bias = nn.Parameter(torch.zeros(outputs, 1, 1))
        self.activation = ScaledLeakyReLU()

    def forward(
        self, x: torch.Tensor, style: torch.Tensor, noise: torch.Tensor | None
    ) -> torch.Tensor:
        x = self.convolution(x, style)
        if self.noise is not None:
            x = self.noise(x, noise)
        result: torch.Tensor = self.activation(x + self.bias)
        return result


class ToImage(nn.Module):
    """Modulated 1x1 convolution to the image, without demodulation, and a bias."""

    def __init__(self, inputs: int, image_channels: int, style_size: int) -> None:
        super().__init__()
        self.convolution = ModulatedConv2d(inputs, image_channels, 1, style_size, demodulated=False)
        self.bias = nn.Parameter(torch.zeros(image_channels, 1, 1))

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.convolution(x, style) + self.bias
        return result


class Generator(nn.Module):
    """Latents, and noise if it is an input, to images.

    ``forward``: float32 ``[N, latent_size]`` (standard normal) and, with ``noise="input"``, float32
    ``[N, P]`` (standard normal; the pixels of all layers, ``P = 4**2 + 2 * (8**2 + ... + S**2)``) to
    float32 ``[N, image_channels, S, S]``, trained towards [-1, 1] without a bound,
    ``S = 4 * 2**(len(channels) - 1)``.

    Args:
        latent_size, channels, layers, psi, noise, seed, image_channels: as of StyleGAN.
    """

    def __init__(
        self,
        latent_size: int = 512,
        channels: Sequence[int] = (512, 512, 512, 512, 512),
        layers: int = 8,
        psi: float = 1.0,
        noise: NoiseKind = "fixed",
        seed: int = 0,
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        self.mapping = Mapping(latent_size, latent_size, layers, psi)
        self.constant = nn.Parameter(torch.randn(1, channels[0], 4, 4))
        self.sides = [4 * 2 ** ((layer + 1) // 2) for layer in range(2 * len(channels) - 1)]
        widths = [channels[(layer + 1) // 2] for layer in range(len(self.sides))]
        self.layers = nn.ModuleList(
            StyledLayer(
                inputs,
                outputs,
                latent_size,
                None if noise == "none" else Noise(self.sides[layer], 1, noise, seed + layer),
                upsample=layer % 2 == 1,
            )
            for layer, (inputs, outputs) in enumerate(pairwise((channels[0], *widths)))
        )
        self.to_images = nn.ModuleList(ToImage(c, image_channels, latent_size) for c in channels)
        self.upsample = UpsampleFilter(image_channels, TAPS)

    def forward(self, latent: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
        style = self.mapping(latent)
        hidden = self.constant.expand(latent.shape[0], -1, -1, -1)
        maps = split_noise(noise, self.sides)
        hidden = self.layers[0](hidden, style, maps[0])
        image: torch.Tensor = self.to_images[0](hidden, style)
        for index, to_image in enumerate(self.to_images[1:]):
            for layer in (2 * index + 1, 2 * index + 2):
                hidden = self.layers[layer](hidden, style, maps[layer])
            image = self.upsample(image) + to_image(hidden, style)
        return image


class ResidualBlock(nn.Module):
    """Two convolutions and a 1x1 shortcut, both halving behind a filter, over the square root of 2.

    ``forward``: float32 ``[N, inputs, H, W]`` to ``[N, outputs, H/2, W/2]``.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            EqualizedConv2d(inputs, inputs, 3, gain=1.0),
            ScaledLeakyReLU(),
            Blur(inputs, TAPS, padding=2),
            EqualizedConv2d(inputs, outputs, 3, gain=1.0, stride=2, padding=0),
            ScaledLeakyReLU(),
        )
        self.shortcut = nn.Sequential(
            Blur(inputs, TAPS, padding=1),
            EqualizedConv2d(inputs, outputs, 1, gain=1.0, bias=False, stride=2),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = (self.body(x) + self.shortcut(x)) / math.sqrt(2)
        return result


class Discriminator(DeviationDiscriminator):
    """Images to one logit each.

    ``forward``: float32 ``[N, image_channels, S, S]`` to float32 ``[N]``, S as in ``Generator``; N is at
    most 4 or a multiple of 4.

    Args:
        channels: of each side, from the image's down to 4x4.
        image_channels: of the image.
    """

    def __init__(
        self, channels: Sequence[int] = (512, 512, 512, 512, 512), image_channels: int = 3
    ) -> None:
        main = [
            EqualizedConv2d(image_channels, channels[0], 1, gain=1.0),
            ScaledLeakyReLU(),
            *(ResidualBlock(inputs, outputs) for inputs, outputs in pairwise(channels)),
        ]
        super().__init__(main, channels[-1], ScaledLeakyReLU, gain=1.0)
