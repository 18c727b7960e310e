"""Levels of a weight quantizer, and their rounding to the integers that kernels multiply with.

    ŵ = scale · codebook[i]        i = number of thresholds below w / scale

Integer kernels take 8-bit weights with one scale a channel, so levels are rounded to int8 multiples of
the channel's scale, whose 127 is the outermost level in use. What that costs: at most 1/254 of the
outermost level for each level, against half a step of the quantizer itself (1/15 of it at 4 bits). From
7 bits on it is of the quantizer's own size: an 8-bit codebook is then no better than symmetric int8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]
"""Weights ``[R, n]``; a row is what shares its levels: an output channel, or the whole tensor."""


@dataclass(frozen=True)
class Levels:
    """What a quantizer makes of a weight.

    Attributes:
        values: float64 ``[R, L]``, ascending.
        thresholds: float64 ``[R, L - 1]``, ascending: a weight takes the level behind the last threshold
            that it exceeds. None: it takes the nearest level.
    """

    values: Rows
    thresholds: Rows | None = None


@dataclass(frozen=True)
class Codebook:
    """Levels as integers.

    Attributes:
        scale: float32 ``[R]``, positive.
        integers: int64 ``[R, L]``, ascending.
        thresholds: float32 ``[R, L - 1]``, in units of the scale.
    """

    scale: NDArray[np.float32]
    integers: NDArray[np.int64]
    thresholds: NDArray[np.float32]

    def indices(self, rows: NDArray[np.float32]) -> NDArray[np.int64]:
        """Index of each value's level, as ``codebook_quantize`` finds it."""
        units = rows / self.scale[:, None]
        found = [np.searchsorted(t, u) for t, u in zip(self.thresholds, units, strict=True)]
        return np.stack(found).astype(np.int64)

    def widened(self, scale: NDArray[np.float32]) -> Codebook:
        """The same levels in units of a wider scale."""
        ratio = (self.scale.astype(np.float64) / scale)[:, None]
        integers = np.rint(self.integers * ratio).astype(np.int64)
        return Codebook(scale, integers, (self.thresholds * ratio).astype(np.float32))


def to_codebook(levels: Levels, rows: Rows, bits: int) -> Codebook:
    """Round levels to integers of ``bits`` bits.

    Levels beyond those that the row's own weights take are moved onto the outermost that they do take, so
    that no resolution is spent on them.
    """
    high = (1 << (bits - 1)) - 1
    nearest = (levels.values[:, 1:] + levels.values[:, :-1]) / 2
    thresholds = nearest if levels.thresholds is None else levels.thresholds
    ends = np.stack([rows.min(1), rows.max(1)], 1)
    taken = np.stack([np.searchsorted(t, e) for t, e in zip(thresholds, ends, strict=True)])
    low_level, high_level = np.take_along_axis(levels.values, taken, 1).T[:, :, None]
    values = levels.values.clip(low_level, high_level)
    scale = _scales(np.abs(values).max(1) / high)
    integers = np.rint(values / scale[:, None]).clip(-high, high).astype(np.int64)
    if levels.thresholds is None:
        units = (integers[:, 1:] + integers[:, :-1]) / 2.0
    else:
        units = levels.thresholds / scale[:, None]
    return Codebook(scale, integers, units.astype(np.float32))


def _scales(steps: Rows) -> NDArray[np.float32]:
    """A row of zeros gets the widest row's scale, so that its bias keeps a sensible resolution."""
    scale = steps.astype(np.float32)
    widest = scale.max()
    widest = widest if widest >= np.finfo(np.float32).tiny else np.float32(1.0)
    return np.where(scale < np.finfo(np.float32).tiny, widest, scale).astype(np.float32)
