"""The projection discriminator's head (Miyato and Koyama 2018, "cGANs with Projection Discriminator")."""

from __future__ import annotations

import torch
from torch import nn

from edgegan.generators.blocks.convolution import spectrally_normalized


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
