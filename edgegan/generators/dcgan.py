"""DCGAN: transposed convolutions, batch normalization, ReLU, tanh.

Source: Radford, Metz, Chintala 2016, "Unsupervised Representation Learning with Deep Convolutional
Generative Adversarial Networks" (arXiv 1511.06434), section 3 and figure 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn


def _initialize(module: nn.Module) -> None:
    """Weights from N(0, 0.02), batch-norm scales from N(1, 0.02) (section 4)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


class Generator(nn.Module):
    """Latents to images: each stage doubles the side, the first one makes 4x4.

    ``forward``: float32 ``[N, latent_size]`` (standard normal) to float32
    ``[N, image_channels, S, S]`` in [-1, 1] with ``S = 4 * 2**len(channels)``.
    """

    def __init__(
        self,
        latent_size: int = 100,
        channels: Sequence[int] = (256, 128, 64),
        image_channels: int = 1,
    ) -> None:
        super().__init__()
        stages: list[nn.Module] = [
            nn.ConvTranspose2d(latent_size, channels[0], 4, 1, 0, bias=False),
            nn.BatchNorm2d(channels[0]),
            nn.ReLU(),
        ]
        for wide, narrow in pairwise(channels):
            stages += [
                nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False),
                nn.BatchNorm2d(narrow),
                nn.ReLU(),
            ]
        stages += [nn.ConvTranspose2d(channels[-1], image_channels, 4, 2, 1), nn.Tanh()]
        self.main = nn.Sequential(*stages)
        self.apply(_initialize)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        image: torch.Tensor = self.main(latent[:, :, None, None])
        return image


class Discriminator(nn.Module):
    """Images to one realness logit each; the generator's mirror with LeakyReLU(0.2).

    ``forward``: float32 ``[N, image_channels, S, S]`` in [-1, 1] to float32 ``[N]``.

    Args:
        channels: of all layers but the last.
        image_channels: of the image.
        batch_norm: not for a critic whose gradient is penalized sample by sample (WGAN-GP, section 4).
    """

    def __init__(
        self,
        channels: Sequence[int] = (64, 128, 256),
        image_channels: int = 1,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        stages: list[nn.Module] = [
            nn.Conv2d(image_channels, channels[0], 4, 2, 1),
            nn.LeakyReLU(0.2),
        ]
        for narrow, wide in pairwise(channels):
            stages.append(nn.Conv2d(narrow, wide, 4, 2, 1, bias=not batch_norm))
            stages += [nn.BatchNorm2d(wide)] if batch_norm else []
            stages.append(nn.LeakyReLU(0.2))
        stages += [nn.Conv2d(channels[-1], 1, 4, 1, 0)]
        self.main = nn.Sequential(*stages)
        self.apply(_initialize)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logit: torch.Tensor = self.main(image)
        return logit.flatten()
