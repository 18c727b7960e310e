"""The projection discriminator (Miyato and Koyama 2018, "cGANs with Projection Discriminator")."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import nn

from edgegan.generators.blocks.convolution import spectral, spectrally_normalized
from edgegan.generators.blocks.residual import DownBlock


class ProjectionHead(nn.Module):
    """``linear(h) + <embedding(label), h>``, both spectrally normalized (equation 3, figure 1d).

    ``forward``: pooled features float32 ``[N, size]`` and labels int64 ``[N]`` to logits ``[N]``.

    Args:
        size: of the features.
        classes: 0 for an unconditional head, which takes no labels.
    """

    def __init__(self, size: int, classes: int = 0) -> None:
        super().__init__()
        self.linear = spectrally_normalized(nn.Linear(size, 1))
        self.embedding = spectrally_normalized(nn.Embedding(classes, size)) if classes else None

    def forward(self, features: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        logits: torch.Tensor = self.linear(features).flatten()
        if self.embedding is None:
            return logits
        projected: torch.Tensor = logits + (self.embedding(labels) * features).sum(1)
        return projected


class ProjectionDiscriminator(nn.Module):
    """Residual blocks, perhaps attention behind one, ReLU, the sum over all places, the head.

    ``forward``: float32 ``[N, channels[0], S, S]`` in [-1, 1] and, with ``classes``, int64 ``[N]`` to
    float32 ``[N]``.

    Args:
        channels: of the image and after each block.
        halving: how many blocks, from the first on, halve the side.
        classes: 0 for an unconditional discriminator.
        widened: whether all blocks, not the first alone, have their outputs' channels between their
            convolutions, and not their inputs'.
        attention: makes it for a number of channels.
        side, attended: of the image, and of the halved feature map that attention follows.
    """

    def __init__(
        self,
        channels: Sequence[int],
        halving: int,
        classes: int,
        widened: bool = False,
        attention: Callable[[int], nn.Module] | None = None,
        side: int = 0,
        attended: int = 0,
    ) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for index, (inputs, outputs) in enumerate(pairwise(channels)):
            first, halves = index == 0, index < halving
            hidden = outputs if widened or first else inputs
            blocks.append(DownBlock(inputs, outputs, hidden, spectral, halves, first))
            side //= 2
            if attention is not None and halves and side == attended:
                blocks.append(attention(outputs))
        self.blocks = nn.Sequential(*blocks)
        self.head = ProjectionHead(channels[-1], classes)

    def forward(self, image: torch.Tensor, label: torch.Tensor | None = None) -> torch.Tensor:
        features = torch.relu(self.blocks(image)).sum((2, 3))
        logit: torch.Tensor = self.head(features, label)
        return logit
