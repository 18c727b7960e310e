"""The upsample-convolution generator: nearest-neighbour x2 followed by a 3x3 convolution.

Odena, Dumoulin, Olah 2016, "Deconvolution and Checkerboard Artifacts", propose it in place of
transposed convolutions; SAGAN's quantization-friendly form (Andreev et al. 2021, A.2) is built so.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn


class Generator(nn.Module):
    """Linear to 4x4, then (upsample, convolution, batch norm, ReLU) stages, then an image convolution.

    ``forward``: float32 ``[N, latent_size]`` (standard normal) to float32
    ``[N, image_channels, S, S]`` in [-1, 1] with ``S = 4 * 2**(len(channels) - 1)``.
    """

    def __init__(
        self,
        latent_size: int = 100,
        channels: Sequence[int] = (512, 256, 128, 64, 64),
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        self.first = channels[0]
        self.project = nn.Linear(latent_size, channels[0] * 16)
        stages: list[nn.Module] = []
        for wide, narrow in pairwise(channels):
            stages += [
                nn.Upsample(scale_factor=2, mode="nearest"),
                nn.Conv2d(wide, narrow, 3, 1, 1, bias=False),
                nn.BatchNorm2d(narrow),
                nn.ReLU(),
            ]
        self.stages = nn.Sequential(*stages)
        self.to_image = nn.Conv2d(channels[-1], image_channels, 3, 1, 1)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.project(latent)).view(-1, self.first, 4, 4)
        return torch.tanh(self.to_image(self.stages(hidden)))
