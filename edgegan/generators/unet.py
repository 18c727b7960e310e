"""The U-Net generator of pix2pix.

Source: Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks" (arXiv
1611.07004), section 6.1:

    encoder: C64 C128 C256 C512 C512 C512 C512 C512
    decoder: CD512 CD512 CD512 C512 C256 C128 C64, and a layer to the picture; each but the first also
             sees the encoder's output of its size

4x4 kernels with stride 2; batch norm but in the first layer and, following the paper's errata, in the
innermost; LeakyReLU(0.2) going down, ReLU going up, tanh. Dropout (D) only acts in training; the paper also
leaves it on in use, which no fixed engine can. The discriminator is CycleGAN's on both pictures, with
batch norm: ``edgegan.generators.cyclegan.Discriminator``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn


class Generator(nn.Module):
    """Pictures to pictures.

    ``forward``: float32 ``[N, image_channels, H, W]`` in [-1, 1] to the same, H and W multiples of
    ``2**len(channels)``.

    Args:
        channels: of the encoder's layers, outermost first.
        dropped: how many of the decoder's innermost layers have dropout.
        image_channels: of input and output.
    """

    def __init__(
        self,
        channels: Sequence[int] = (64, 128, 256, 512, 512, 512, 512, 512),
        dropped: int = 3,
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        self.encoder = nn.ModuleList([nn.Conv2d(image_channels, channels[0], 4, 2, 1)])
        last = len(channels) - 1
        for index, (inputs, outputs) in enumerate(pairwise(channels), start=1):
            innermost = index == last
            layers = [nn.LeakyReLU(0.2), nn.Conv2d(inputs, outputs, 4, 2, 1, bias=innermost)]
            self.encoder.append(
                nn.Sequential(*layers, *([] if innermost else [nn.BatchNorm2d(outputs)]))
            )
        self.decoder = nn.ModuleList()
        for depth in range(last, 0, -1):
            inputs = channels[depth] if depth == last else 2 * channels[depth]
            outputs = channels[depth - 1]
            layers = [nn.ReLU(), nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)]
            layers.append(nn.BatchNorm2d(outputs))
            if last - depth < dropped:
                layers.append(nn.Dropout(0.5))
            self.decoder.append(nn.Sequential(*layers))
        self.to_image = nn.Sequential(
            nn.ReLU(), nn.ConvTranspose2d(2 * channels[0], image_channels, 4, 2, 1), nn.Tanh()
        )

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        skips = []
        hidden = picture
        for layer in self.encoder:
            hidden = layer(hidden)
            skips.append(hidden)
        skips.pop()
        for layer in self.decoder:
            hidden = torch.cat([skips.pop(), layer(hidden)], 1)
        image: torch.Tensor = self.to_image(hidden)
        return image
