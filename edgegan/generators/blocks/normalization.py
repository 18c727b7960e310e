"""Batch normalization whose scale and shift come from nothing, from a class, or from a vector.

All take ``(x, condition)``: features float32 ``[N, C, H, W]`` and what they are conditioned on.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

Normalization = Callable[[int], nn.Module]
"""Makes one of these for a number of channels."""


class PlainBatchNorm(nn.Module):
    """One learned scale and shift a channel; the condition is not read."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        result: torch.Tensor = self.norm(x)
        return result


class ClassBatchNorm(nn.Module):
    """A scale and a shift for each class and channel; the condition is int64 ``[N]``.

    Dumoulin et al. 2017, "A Learned Representation for Artistic Style", section 2.2; used for classes
    by Miyato and Koyama 2018 and in SAGAN.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain = nn.Embedding(classes, channels)
        self.shift = nn.Embedding(classes, channels)
        nn.init.ones_(self.gain.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        gain = self.gain(condition)[:, :, None, None]
        shift = self.shift(condition)[:, :, None, None]
        result: torch.Tensor = self.norm(x) * gain + shift
        return result


class ProjectedBatchNorm(nn.Module):
    """Scale (around 1) and shift (around 0) are linear in the condition, float32 ``[N, size]``.

    Brock et al. 2019, section 3 and appendix B (shared embeddings).

    Args:
        channels: of the features.
        size: of the condition.
        linear: makes the two projections from ``(size, channels)``.
    """

    def __init__(self, channels: int, size: int, linear: Callable[[int, int], nn.Module]) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain = linear(size, channels)
        self.shift = linear(size, channels)

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        gain = 1.0 + self.gain(condition)[:, :, None, None]
        shift = self.shift(condition)[:, :, None, None]
        result: torch.Tensor = self.norm(x) * gain + shift
        return result
