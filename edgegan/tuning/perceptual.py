"""Perceptual losses: how far two images are apart in a network's activations.

Johnson, Alahi and Fei-Fei 2016 (arXiv 1603.08155): content, equation 2, the mean squared difference of
activations; style, equations 3 and 4, that of their Gram matrices. Both are summed over the network's
stages, each in units of the stage's own mean square, so that no stage counts for its scale alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from edgegan.training.processes import ALONE, Processes

Stages = Callable[[torch.Tensor], Sequence[torch.Tensor]]
"""Images float32 ``[N, C, H, W]`` to activations ``[N, C', H', W']`` of several stages."""


@dataclass(frozen=True)
class PerceptualLoss:
    """Of one network, whose weights must not learn.

    Attributes:
        stages: of the network.
        processes: that share a batch: what is divided by is of all of it.
    """

    stages: Stages
    processes: Processes = ALONE

    def __call__(
        self, images: torch.Tensor, references: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Content and style loss, scalars; gradients go to ``images``."""
        content = style = images.new_zeros(())
        with torch.no_grad():
            aims = self.stages(references)
        for found, aim in zip(self.stages(images), aims, strict=True):
            unit = self.processes.mean(aim.square().mean()).clamp_min(1e-12)
            content = content + (found - aim).square().mean() / unit
            gram = gram_matrix(aim)
            gram_unit = self.processes.mean(gram.square().sum((1, 2)).mean()).clamp_min(1e-12)
            style = style + (gram_matrix(found) - gram).square().sum((1, 2)).mean() / gram_unit
        return content, style


def gram_matrix(activations: torch.Tensor) -> torch.Tensor:
    """Mean products of every two channels, ``[N, C, C]``, of ``[N, C, H, W]``; Johnson et al., eq. 3."""
    rows = activations.flatten(2)
    return rows @ rows.transpose(1, 2) / rows.shape[1] / rows.shape[2]
