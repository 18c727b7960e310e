"""Convolutions of integers, exact, several times faster than in float64.

Float32 holds every integer up to 2^24. Input channels are taken in portions so small that no sum of a
portion can pass that, whatever the order of its additions; portions are added in float64.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import conv2d

EXACT = 2**24
"""Float32 represents all integers up to here."""


def convolution(x: torch.Tensor, weight: torch.Tensor, *args: Any) -> torch.Tensor:
    """``conv2d`` without a bias.

    Args:
        x: integers as float64 ``[N, C, H, W]``.
        weight: integers as float64 ``[O, C / groups, h, w]``.
        args: stride, padding, dilation, groups, as far as given.

    Returns:
        float64 ``[N, O, H', W']``, exact.
    """
    largest = float(x.abs().max() * weight.abs().max())
    taps = weight.shape[2] * weight.shape[3]
    portion = int(EXACT / max(largest, 1.0)) // taps
    channels, groups = weight.shape[1], args[3] if len(args) > 3 else 1
    if portion < channels and (groups != 1 or portion < 1):
        return conv2d(x, weight, None, *args)
    x32, weight32 = x.float(), weight.float()
    if portion >= channels:
        return conv2d(x32, weight32, None, *args).double()
    first, *rest = (
        conv2d(x32[:, k : k + portion], weight32[:, k : k + portion], None, *args)
        for k in range(0, channels, portion)
    )
    return sum(rest, first.double())
