"""The zoo's small residual classifiers: a data set's own feature network.

Residual blocks as in He et al. 2016, "Identity Mappings in Deep Residual Networks" (arXiv
1603.05027), figure 1b (pre-activation). ``features`` is the penultimate layer: the global average
of the last block's activations.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.skip = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.norm1(x))
        result: torch.Tensor = self.skip(y) + self.conv2(torch.relu(self.norm2(self.conv1(y))))
        return result


class Classifier(nn.Module):
    """Images to class logits.

    ``forward``: float32 ``[N, image_channels, H, W]`` in [-1, 1] to float32 ``[N, classes]``;
    ``features``: the same images to float32 ``[N, channels[-1]]``; ``stages``: to the activations after the
    stem and each block, which LPIPS compares.
    """

    def __init__(
        self, channels: Sequence[int] = (32, 64, 128), image_channels: int = 1, classes: int = 10
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(image_channels, channels[0], 3, 2, 1, bias=False)
        widths = [channels[0], *channels]
        self.blocks = nn.Sequential(
            *(_Block(a, b, 1 if i == 0 else 2) for i, (a, b) in enumerate(pairwise(widths)))
        )
        self.norm = nn.BatchNorm2d(channels[-1])
        self.classify = nn.Linear(channels[-1], classes)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(self.blocks(self.stem(images)))).mean((2, 3))

    def stages(self, images: torch.Tensor) -> list[torch.Tensor]:
        found = [self.stem(images)]
        for block in self.blocks:
            found.append(block(found[-1]))
        return [torch.relu(x) for x in found]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.classify(self.features(images))
        return logits
