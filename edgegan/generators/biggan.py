"""BigGAN: class-conditional residual blocks that all see the latent.

Source: Brock, Donahue, Simonyan 2019, "Large Scale GAN Training for High Fidelity Natural Image
Synthesis" (arXiv 1809.11096), appendix B.

The latent is split: the first part makes the 4x4 feature map, each block gets one of the others, joined
with the class's shared embedding; the norms' scales and shifts are linear in that. Channels are multiples
of one width:

| pictures | generator | discriminator | latent |
|---|---|---|---|
| 32x32 (not in the paper) | 4, 4, 4, 4 | - | 4 parts |
| 64x64 (not in the paper) | 16, 16, 8, 4, 2 | 1, 2, 4, 8, 16 | 5 parts |
| 128x128 (table 4) | 16, 16, 8, 4, 2, 1 | 1, 2, 4, 8, 16, 16 | 120 in 6 parts |
| 256x256 (table 5) | 16, 16, 8, 8, 4, 2, 1 | 1, 2, 4, 8, 8, 16, 16 | 140 in 7 parts |
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import nn

from edgegan.generators.blocks.attention import SelfAttention
from edgegan.generators.blocks.convolution import spectral, spectrally_normalized
from edgegan.generators.blocks.normalization import ProjectedBatchNorm
from edgegan.generators.blocks.projection import ProjectionDiscriminator
from edgegan.generators.blocks.residual import UpBlock


class Generator(nn.Module):
    """Latents and labels to images.

    ``forward``: float32 ``[N, latent_size]`` (standard normal; truncated at will) and int64 ``[N]`` to
    float32 ``[N, image_channels, S, S]`` in [-1, 1] with ``S = 4 * 2**(len(multiples) - 1)``.

    Args:
        width: channels that ``multiples`` multiply; 96 in the paper.
        multiples: after the linear layer and after each block.
        latent_size: a multiple of ``len(multiples)``.
        classes: how many.
        embedding_size: of the shared class embedding.
        attention: side of the feature map that attention follows.
        image_channels: of the image.
    """

    def __init__(
        self,
        width: int = 96,
        multiples: Sequence[int] = (16, 16, 8, 4, 2, 1),
        latent_size: int = 120,
        classes: int = 1000,
        embedding_size: int = 128,
        attention: int = 64,
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        channels = [width * multiple for multiple in multiples]
        part, rest = divmod(latent_size, len(multiples))
        if rest:
            raise ValueError(f"latent_size {latent_size} has no {len(multiples)} equal parts")
        self.first, self.parts = channels[0], len(multiples)
        norm = partial(ProjectedBatchNorm, size=part + embedding_size, linear=_projection)
        self.embedding = nn.Embedding(classes, embedding_size)
        self.project = spectrally_normalized(nn.Linear(part, channels[0] * 16))
        self.blocks = nn.ModuleList(UpBlock(i, o, norm, spectral) for i, o in pairwise(channels))
        sides = [8 * 2**index for index in range(len(self.blocks))]
        self.attended = sides.index(attention)
        self.attention = _attention(channels[self.attended + 1])
        self.norm = nn.BatchNorm2d(channels[-1])
        self.to_image = spectral(channels[-1], image_channels)

    def forward(self, latent: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        embedded = self.embedding(label)
        parts = latent.chunk(self.parts, 1)
        hidden = self.project(parts[0]).view(-1, self.first, 4, 4)
        for index, block in enumerate(self.blocks):
            hidden = block(hidden, torch.cat([embedded, parts[index + 1]], 1))
            if index == self.attended:
                hidden = self.attention(hidden)
        return torch.tanh(self.to_image(torch.relu(self.norm(hidden))))


class Discriminator(ProjectionDiscriminator):
    """Images and labels to one logit each; all blocks but the last halve the side.

    ``forward``: float32 ``[N, image_channels, side, side]`` in [-1, 1] and int64 ``[N]`` to float32
    ``[N]``.

    Args:
        width, multiples: channels of the blocks.
        classes: how many.
        side: of the image.
        attention: side of the feature map that attention follows.
        image_channels: of the image.
    """

    def __init__(
        self,
        width: int = 96,
        multiples: Sequence[int] = (1, 2, 4, 8, 16, 16),
        classes: int = 1000,
        side: int = 128,
        attention: int = 64,
        image_channels: int = 3,
    ) -> None:
        every = (image_channels, *(width * multiple for multiple in multiples))
        super().__init__(every, len(multiples) - 1, classes, True, _attention, side, attention)


def _attention(channels: int) -> SelfAttention:
    return SelfAttention(channels, channels // 8, channels // 2, pooled=True)


def _projection(inputs: int, outputs: int) -> nn.Module:
    return spectrally_normalized(nn.Linear(inputs, outputs, bias=False))
