"""Observers: from a stream of values to the range that a grid shall cover.

Those here look at the low and high quantile of every image's values, images taken one by one; memory does
not depend on the number of images. What they make of them differs: the exponential moving average of
Andreev et al. 2021, sections 3.5 and 4.1, is the range of an average image; the widest range clips none.
Those of ``histogram_observers`` choose a range from the distribution of all values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgegan.quantization.histogram_observers import (
    HistogramObserver,
    Search,
    least_divergence_range,
    least_squares_range,
)


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


class Observer(Protocol):
    """Finds the range of one activation tensor."""

    @property
    def low(self) -> float | None:
        """Lower end of the range; None before the first image."""
        ...

    @property
    def high(self) -> float | None:
        """Upper end."""
        ...

    def observe(self, batch: NDArray[np.float32]) -> None:
        """Take in the images of ``[N, ...]`` one after the other."""
        ...


class MovingAverageQuantileObserver:
    """Range of an average image.

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
        """See ``Observer``."""
        lows, highs = tensor_quantiles(batch.reshape(len(batch), -1), self.quantiles)
        for low, high in zip(lows.tolist(), highs.tolist(), strict=True):
            if self.low is None or self.high is None:
                self.low, self.high = low, high
            else:
                self.low = self.momentum * self.low + (1.0 - self.momentum) * low
                self.high = self.momentum * self.high + (1.0 - self.momentum) * high


class WidestQuantileObserver:
    """Range that holds the quantiles of every image; with levels 0 and 1 plain minimum and maximum.

    For tensors whose images differ much, as those of generators that are steered by a class or a style:
    an average image's range would clip the others.
    """

    def __init__(self, quantiles: Quantiles) -> None:
        self.quantiles = quantiles
        self.low: float | None = None
        self.high: float | None = None

    def observe(self, batch: NDArray[np.float32]) -> None:
        """See ``Observer``."""
        lows, highs = tensor_quantiles(batch.reshape(len(batch), -1), self.quantiles)
        low, high = float(lows.min()), float(highs.max())
        self.low = low if self.low is None else min(low, self.low)
        self.high = high if self.high is None else max(high, self.high)


_SEARCHES: dict[str, Search] = {"mse": least_squares_range, "entropy": least_divergence_range}


def observer_of(name: str, quantiles: Quantiles, momentum: float) -> Callable[[], Observer]:
    """Maker of the observer that a recipe names."""
    if name in _SEARCHES:
        return lambda: HistogramObserver(_SEARCHES[name])
    if name == "min-max":
        return lambda: WidestQuantileObserver(quantiles)
    return lambda: MovingAverageQuantileObserver(quantiles, momentum)
