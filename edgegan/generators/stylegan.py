"""StyleGAN: a constant, styled at every layer.

Source: Karras, Laine, Aila 2019, "A Style-Based Generator Architecture for Generative Adversarial
Networks" (arXiv 1812.04948), section 2, figure 1 and appendix C. Two layers a side: upsampling and blur,
noise, LeakyReLU, AdaIN. The discriminator is that of Karras et al. 2018 (arXiv 1710.10196, table 2) with
blur before each downsampling.

Channels of the paper from 4x4 to 1024x1024: 512, 512, 512, 512, 256, 128, 64, 32, 16. What only concerns
training (progressive growing, style mixing) is not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from edgegan.generators.blocks.equalized import EqualizedConv2d, EqualizedLinear
from edgegan.generators.blocks.mapping import Mapping
from edgegan.generators.blocks.minibatch import DeviationDiscriminator
from edgegan.generators.blocks.noise import Noise, NoiseKind, split_noise
from edgegan.generators.blocks.resample import Blur

BINOMIAL = (1, 2, 1)


class StyledActivation(nn.Module):
    """Noise, bias, LeakyReLU(0.2), then AdaIN (equation 1): instance norm, scaled and shifted by the style.

    ``forward``: float32 ``[N, channels, side, side]``, styles ``[N, style_size]`` and perhaps noise to the
    same shape as the features.
    """

    def __init__(self, channels: int, noise: Noise | None, style_size: int) -> None:
        super().__init__()
        self.noise = noise
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))
        self.norm = nn.InstanceNorm2d(channels, eps=1e-8)
        self.style = EqualizedLinear(style_size, 2 * channels, gain=1.0)

    def forward(
        self, x: torch.Tensor, style: torch.Tensor, noise: torch.Tensor | None
    ) -> torch.Tensor:
        if self.noise is not None:
            x = self.noise(x, noise)
        x = self.norm(F.leaky_relu(x + self.bias, 0.2))
        scale, shift = self.style(style)[:, :, None, None].chunk(2, 1)
        result: torch.Tensor = x * (1.0 + scale) + shift
        return result


class Generator(nn.Module):
    """Latents, and noise if it is an input, to images.

    ``forward``: float32 ``[N, latent_size]`` (standard normal) and, with ``noise="input"``, float32
    ``[N, P]`` (standard normal; the pixels of all layers, ``P = 2 * (4**2 + ... + S**2)``) to float32
    ``[N, image_channels, S, S]``, trained towards [-1, 1] without a bound, ``S = 4 * 2**(len(channels)
    - 1)``.

    Args:
        latent_size: also of the styles.
        channels: of each side, from 4x4 on.
        layers: of the mapping network.
        psi: truncation; 1 for none.
        noise: see ``NoiseKind``.
        seed: of fixed noise.
        image_channels: of the image.
    """

    def __init__(
        self,
        latent_size: int = 512,
        channels: Sequence[int] = (512, 512, 512, 512, 256),
        layers: int = 8,
        psi: float = 1.0,
        noise: NoiseKind = "fixed",
        seed: int = 0,
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        self.mapping = Mapping(latent_size, latent_size, layers, psi)
        self.constant = nn.Parameter(torch.ones(1, channels[0], 4, 4))
        self.sides = [4 * 2 ** (layer // 2) for layer in range(2 * len(channels))]
        self.convolutions = nn.ModuleList([nn.Identity(), _keeping(channels[0])])
        for inputs, outputs in pairwise(channels):
            self.convolutions.extend([_doubling(inputs, outputs), _keeping(outputs)])
        self.activations = nn.ModuleList(
            StyledActivation(
                channels[layer // 2],
                None if noise == "none" else Noise(side, channels[layer // 2], noise, seed + layer),
                latent_size,
            )
            for layer, side in enumerate(self.sides)
        )
        self.to_image = EqualizedConv2d(channels[-1], image_channels, 1, gain=1.0)

    def forward(self, latent: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
        style = self.mapping(latent)
        hidden = self.constant.expand(latent.shape[0], -1, -1, -1)
        maps = split_noise(noise, self.sides)
        layers = zip(self.convolutions, self.activations, maps, strict=True)
        for convolution, activation, pixels in layers:
            hidden = activation(convolution(hidden), style, pixels)
        image: torch.Tensor = self.to_image(hidden)
        return image


class Discriminator(DeviationDiscriminator):
    """Images to one logit each.

    ``forward``: float32 ``[N, image_channels, S, S]`` to float32 ``[N]``, S as in ``Generator``; N is at
    most 4 or a multiple of 4.

    Args:
        channels: of each side, from the image's down to 4x4.
        image_channels: of the image.
    """

    def __init__(
        self, channels: Sequence[int] = (256, 512, 512, 512, 512), image_channels: int = 3
    ) -> None:
        layers: list[nn.Module] = [EqualizedConv2d(image_channels, channels[0], 1)]
        layers.append(nn.LeakyReLU(0.2))
        for inputs, outputs in pairwise(channels):
            layers += [EqualizedConv2d(inputs, inputs, 3), nn.LeakyReLU(0.2)]
            layers += [Blur(inputs, BINOMIAL, 1), EqualizedConv2d(inputs, outputs, 3)]
            layers += [nn.AvgPool2d(2), nn.LeakyReLU(0.2)]
        super().__init__(layers, channels[-1], partial(nn.LeakyReLU, 0.2))


def _keeping(channels: int) -> nn.Module:
    return EqualizedConv2d(channels, channels, 3, bias=False)


def _doubling(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Upsample(scale_factor=2),
        EqualizedConv2d(inputs, outputs, 3, bias=False),
        Blur(outputs, BINOMIAL, 1),
    )
