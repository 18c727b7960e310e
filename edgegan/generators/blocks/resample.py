"""Low-pass filters around up- and downsampling, as depthwise convolutions.

Zhang 2019, "Making Convolutional Networks Shift-Invariant Again" (arXiv 1904.11486); Karras et al. 2019,
section 2 (taps 1 2 1); Karras et al. 2020, appendix B (taps 1 3 3 1).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F


class Blur(nn.Module):
    """A separable filter of each channel, zeros outside: ``[N, C, H, W]`` to ``[N, C, H', W']``.

    ``H' = H + 2 * padding - len(taps) + 1``.

    Args:
        channels: C.
        taps: of one axis; scaled to sum to 1.
        padding: on each side.
        gain: of the filter as a whole.
    """

    kernel: torch.Tensor

    def __init__(
        self, channels: int, taps: Sequence[float], padding: int, gain: float = 1.0
    ) -> None:
        super().__init__()
        self.register_buffer("kernel", _kernel(channels, taps, gain), persistent=False)
        self.padding = padding

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.kernel, padding=self.padding, groups=len(self.kernel))


class UpsampleFilter(nn.Module):
    """Zeros between the pixels, then a filter with gain 4: ``[N, C, H, W]`` to ``[N, C, 2H, 2W]``.

    Args:
        channels: C.
        taps: four of them, symmetric.
    """

    kernel: torch.Tensor

    def __init__(self, channels: int, taps: Sequence[float] = (1, 3, 3, 1)) -> None:
        super().__init__()
        self.register_buffer("kernel", _kernel(channels, taps, 4.0), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv_transpose2d(x, self.kernel, stride=2, padding=1, groups=len(self.kernel))


def _kernel(channels: int, taps: Sequence[float], gain: float) -> torch.Tensor:
    """The outer product of the taps, once a channel: ``[channels, 1, T, T]``."""
    axis = torch.tensor(taps, dtype=torch.float32) / sum(taps)
    return (torch.outer(axis, axis) * gain).repeat(channels, 1, 1, 1)
