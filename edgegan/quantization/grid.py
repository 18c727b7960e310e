"""Uniform grids: which integers there are, and the scale and zero point that place them.

    q = clamp(rint(x / scale) + zero_point, low, high)        x̂ = (q - zero_point) · scale

with rint to even and the division in float32, as ONNX QuantizeLinear defines it. Krishnamoorthi 2018
(arXiv 1806.08342), section 2; Andreev et al. 2021, equations 1 and 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SATURATION = {
    "tanh": math.atanh(1.0 - 2.0 / 255.0 / 64.0),
    "sigmoid": 2.0 * math.atanh(1.0 - 2.0 / 255.0 / 64.0),  # (1 + tanh(x / 2)) / 2
}
"""Magnitude beyond which an activation is within 1/64 of an 8-bit level of its end."""


@dataclass(frozen=True)
class IntegerGrid:
    """The integers of ``bits`` bits.

    Attributes:
        bits: 2 to 8.
        signed: two's complement, else from 0.
        axis: channel axis with a scale of its own each, or None for one scale a tensor.
    """

    bits: int
    signed: bool
    axis: int | None = None

    @property
    def low(self) -> int:
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1


def affine_parameters(low: float, high: float, grid: IntegerGrid) -> tuple[np.float32, int]:
    """Scale and zero point that spread the range [low, high], widened to hold 0, over the grid.

    Zero is always on the grid: padding and ReLU depend on it. A range of zero width gets scale 1.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32((high - low) / (grid.high - grid.low))
    if not np.isfinite(scale) or scale < np.finfo(np.float32).tiny:
        return np.float32(1.0), 0 if grid.low >= 0 else min(max(0, grid.low), grid.high)
    zero_point = grid.low - low / float(scale)
    return scale, int(np.clip(np.rint(zero_point), grid.low, grid.high))


def symmetric_scales(
    low: NDArray[np.float64], high: NDArray[np.float64], grid: IntegerGrid
) -> NDArray[np.float32]:
    """Scales with zero point 0 for ranges [low, high] (arrays of one shape).

    A channel of zero width holds only zeros: it gets the widest channel's scale, so that its bias
    keeps a sensible resolution.
    """
    reach = np.maximum(np.abs(low), np.abs(high)) / grid.high
    scale = np.asarray(reach, np.float32)
    empty = scale < np.finfo(np.float32).tiny
    widest = scale.max(initial=0.0)
    return np.where(empty, widest if widest > 0 else np.float32(1.0), scale).astype(np.float32)


def quantize(
    values: NDArray[np.float32],
    scale: NDArray[np.float32],
    zero_point: NDArray[np.int64],
    grid: IntegerGrid,
) -> NDArray[np.int64]:
    """Values to integers, in NumPy: the readable reference of the fake-quantize operator."""
    scaled = values / scale.reshape(_broadcast(scale.ndim, values.ndim, grid.axis))
    zero = zero_point.reshape(_broadcast(zero_point.ndim, values.ndim, grid.axis))
    integers: NDArray[np.int64] = np.rint(scaled).astype(np.int64) + zero
    return integers.clip(grid.low, grid.high)


def dequantize(
    integers: NDArray[np.int64],
    scale: NDArray[np.float32],
    zero_point: NDArray[np.int64],
    grid: IntegerGrid,
) -> NDArray[np.float32]:
    """Integers back to float32 values."""
    shape = _broadcast(scale.ndim, integers.ndim, grid.axis)
    return (integers - zero_point.reshape(shape)).astype(np.float32) * scale.reshape(shape)


def _broadcast(parameter_rank: int, rank: int, axis: int | None) -> list[int]:
    """Shape of a per-channel (or scalar) parameter beside a tensor of ``rank`` axes."""
    shape = [1] * rank
    if axis is not None and parameter_rank:
        shape[axis] = -1
    return shape
