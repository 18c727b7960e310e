"""Observers that choose a range from the histogram of all images' values.

The bins are 2^e wide, with one edge at zero. When a value does not fit, bins are merged in pairs: the
result depends on neither the order of the images nor on how they were batched.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgegan.quantization.grid import IntegerGrid, affine_parameters

SIDE = 2048
"""Bins on each side of zero."""

_UNSIGNED = IntegerGrid(8, signed=False)
_FRACTIONS = np.arange(1, 101) / 100.0
_SMALLEST_EXPONENT = -126
_PORTION = 4
_FLOOR = 1e-12
"""Probability where the quantized histogram has none."""

Histogram = NDArray[np.int64]
"""Counts ``[2·SIDE]``, from the most negative bin on."""

Search = Callable[[Histogram, float, float, float], tuple[float, float]]
"""From a histogram, the width of its bins and the lowest and highest value to a range."""


class HistogramObserver:
    """Range that a search finds in the histogram of everything seen.

    Attributes:
        low, high: of the range; None before the first image, not finite if a value is not.
    """

    def __init__(self, search: Search) -> None:
        self._search = search
        self._counts: Histogram = np.zeros(2 * SIDE, np.int64)
        self._exponent = _SMALLEST_EXPONENT
        self._ends: tuple[float, float] | None = None
        self._found: tuple[float, float] | None = None

    @property
    def low(self) -> float | None:
        return None if self._ends is None else self._range()[0]

    @property
    def high(self) -> float | None:
        return None if self._ends is None else self._range()[1]

    def observe(self, batch: NDArray[np.float32]) -> None:
        """Count the values of ``[N, ...]``."""
        values = batch.reshape(-1).astype(np.float64)
        low, high = float(values.min()), float(values.max())
        if self._ends is not None:
            low, high = min(low, self._ends[0]), max(high, self._ends[1])
        self._ends, self._found = (low, high), None
        if not math.isfinite(high - low):
            return
        reach = max(-low, high)
        if reach > 0:
            _, exponent = math.frexp(reach)  # every magnitude is below 2^exponent
            self._widen(exponent - int(math.log2(SIDE)))
        bins = np.floor(np.ldexp(values, -self._exponent)).astype(np.int64) + SIDE
        self._counts += np.bincount(bins, minlength=2 * SIDE)

    def _widen(self, exponent: int) -> None:
        while self._exponent < exponent:
            merged = self._counts.reshape(-1, 2).sum(1)
            self._counts = np.pad(merged, SIDE // 2)
            self._exponent += 1

    def _range(self) -> tuple[float, float]:
        assert self._ends is not None
        if not math.isfinite(self._ends[1] - self._ends[0]):
            return self._ends
        if self._found is None:
            self._found = self._search(self._counts, 2.0**self._exponent, *self._ends)
        return self._found


def least_squares_range(
    counts: Histogram, width: float, low: float, high: float
) -> tuple[float, float]:
    """Range whose 8-bit affine grid has the least squared error, in hundredths of the widest one.

    Both ends are drawn in together first, then each by itself.
    """
    centres = (np.arange(-SIDE, SIDE) + 0.5) * width
    held = counts > 0
    centres, weights = centres[held], counts[held]

    def error(ends: tuple[float, float]) -> float:
        scale, zero = affine_parameters(*ends, _UNSIGNED)
        step = float(scale)
        integers = (np.rint(centres / step) + zero).clip(0, 255)
        return float((np.square((integers - zero) * step - centres) * weights).sum())

    best = min(((low * f, high * f) for f in _FRACTIONS), key=error)
    best = min([best, *((low * f, best[1]) for f in _FRACTIONS)], key=error)
    return min([best, *((best[0], high * f) for f in _FRACTIONS)], key=error)


def least_divergence_range(
    counts: Histogram, width: float, low: float, high: float
) -> tuple[float, float]:
    """Range whose histogram loses least to quantization, by Kullback-Leibler divergence.

    The calibration of TensorRT (Migacz 2017, "8-bit inference with TensorRT", GTC): of magnitudes, with
    what is clipped counted in the last bin; 128 levels, or 256 where nothing is negative.
    The zeros that a ReLU makes are on every grid: as in NVIDIA's pytorch-quantization, the bin next to zero
    counts as much as its neighbour. Else their spread over a level would outweigh everything.
    """
    magnitudes = counts[SIDE:] + counts[:SIDE][::-1]
    magnitudes[0] = magnitudes[1]
    if not magnitudes.any():
        return low, high
    levels = 128 if low < 0 else 256
    used = int(np.flatnonzero(magnitudes).max()) + 1
    ends = [*range(levels, used, _PORTION), used]
    best = min(ends, key=lambda end: divergence(magnitudes, end, levels)) * width
    return max(low, -best), min(high, best)


def divergence(magnitudes: Histogram, end: int, levels: int) -> float:
    """Σ p·log(p / q), p the first ``end`` bins with all beyond in the last, q those on so many levels."""
    inside = magnitudes[:end].astype(np.float64)
    p = inside.copy()
    p[-1] += magnitudes[end:].sum()
    group = np.arange(end) * levels // end
    sums = np.bincount(group, inside, levels)
    filled = np.bincount(group, inside > 0, levels)
    q = np.where(inside > 0, (sums / np.maximum(filled, 1))[group], 0.0)
    p, q = p / p.sum(), q / max(q.sum(), _FLOOR)
    held = p > 0
    return float((p[held] * np.log(p[held] / np.maximum(q[held], _FLOOR))).sum())
