"""Inputs of a generator in training, with torch's random numbers."""

from __future__ import annotations

import torch

from edgegan.generators.contract import InputSpec


def draw_input(spec: InputSpec, count: int) -> torch.Tensor:
    """``[count, *shape]``, by the input's law: int64 classes, or float32 normal or uniform in [-1, 1]."""
    if spec.classes is not None:
        return torch.randint(spec.classes, (count, *spec.shape))
    if spec.law == "normal":
        return torch.randn(count, *spec.shape)
    return torch.rand(count, *spec.shape) * 2 - 1
