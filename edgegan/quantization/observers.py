"""Observers: from a stream of values to the range that a grid shall cover.

Quantile observer of Andreev et al. 2021, sections 3.5 and 4.1: an exponential moving average, with
momentum 0.99, of the low and high quantile of each image's values, images taken one by one. Memory
does not depend on the number of images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Quantiles:
    """A pair of quantile levels; (0, 1) is plain minimum and maximum."""

    low: float
    high: float


def tensor_quantiles(
    values: NDArray[np.float32], quantiles: Quantiles
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Low and high quantile of each row of ``[rows, n]``, linear between order statistics."""
    if (quantiles.low, quantiles.high) == (0.0, 1.0):
        return values.min(1).astype(np.float64), values.max(1).astype(np.float64)
    low, high = np.quantile(values, [quantiles.low, quantiles.high], axis=1)
    return low.astype(np.float64), high.astype(np.float64)


class MovingAverageQuantileObserver:
    """Range of one activation tensor.

    Args:
        quantiles: levels of the range's ends.
        momentum: weight of the past in ``range ← momentum·range + (1 - momentum)·observed``; the
            first image sets the range.
    """

    def __init__(self, quantiles: Quantiles, momentum: float) -> None:
        self.quantiles = quantiles
        self.momentum = momentum
        self.low: float | None = None
        self.high: float | None = None

    def observe(self, batch: NDArray[np.float32]) -> None:
        """Take in the images of ``[N, ...]`` one after the other."""
        lows, highs = tensor_quantiles(batch.reshape(len(batch), -1), self.quantiles)
        for low, high in zip(lows.tolist(), highs.tolist(), strict=True):
            if self.low is None or self.high is None:
                self.low, self.high = low, high
            else:
                self.low = self.momentum * self.low + (1.0 - self.momentum) * low
                self.high = self.momentum * self.high + (1.0 - self.momentum) * high
