"""Per-pixel noise of StyleGAN (Karras et al. 2019, section 2): drawn once, an input, or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

NoiseKind = Literal["fixed", "input", "none"]
"""``fixed``: buffers from a seed (fresh noise in training); ``input``: given to ``forward``; ``none``."""


class Noise(nn.Module):
    """``x + strength * noise``; the strength starts at zero. Float32 ``[N, C, side, side]`` to the same.

    Args:
        side: of the feature map.
        channels: of the strength: those of the feature map, or 1 for one common strength.
        kind: not ``none``.
        seed: of fixed noise.
    """

    fixed: torch.Tensor

    def __init__(self, side: int, channels: int, kind: NoiseKind, seed: int) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(channels, 1, 1))
        self.kind, self.side = kind, side
        if kind == "fixed":
            self.register_buffer("fixed", torch.empty(1, 1, side, side))
            self.draw(seed)

    def draw(self, seed: int) -> None:
        """Fixed noise anew, float32 ``[1, 1, side, side]``, standard normal."""
        random = torch.Generator().manual_seed(seed)
        drawn = torch.randn(self.fixed.shape, generator=random, device="cpu")
        self.fixed.copy_(drawn)

    def forward(self, x: torch.Tensor, noise: torch.Tensor | None) -> torch.Tensor:
        if noise is None:
            if self.kind == "input":
                raise ValueError("this generator takes its noise as a second input")
            noise = torch.randn_like(x[:, :1]) if self.training else self.fixed
        return x + self.strength * noise


def split_noise(noise: torch.Tensor | None, sides: Sequence[int]) -> list[torch.Tensor | None]:
    """One input ``[N, sum of squared sides]`` as a map ``[N, 1, side, side]`` for each layer."""
    if noise is None:
        return [None] * len(sides)
    maps: list[torch.Tensor | None] = []
    start = 0
    for side in sides:
        maps.append(noise[:, start : start + side * side].reshape(-1, 1, side, side))
        start += side * side
    return maps


def redraw_noise(module: nn.Module, seed: int) -> None:
    """Give every fixed noise of ``module`` new values from ``seed``, ``seed + 1``, ..."""
    layers = [part for part in module.modules() if isinstance(part, Noise) and part.kind == "fixed"]
    for index, layer in enumerate(layers):
        layer.draw(seed + index)
