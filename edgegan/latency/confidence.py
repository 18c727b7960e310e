"""Confidence intervals of percentiles and of their ratios, from paired rounds; of medians, from few.

Block bootstrap (Künsch 1989, "The Jackknife and the Bootstrap for General Stationary Observations"):
rounds close in time share the machine's mood, so whole blocks of consecutive rounds are resampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgegan.latency.measure import Timing

BLOCKS = 20
RESAMPLES = 400
LEVEL = 0.95

MEDIAN_SAMPLES = 6
"""The least number of independent samples whose range holds the median with 95 % confidence.

All of n samples lie on one side of the median with probability 2 / 2^n, whatever their distribution:
6.2 % for five, 3.1 % for six.
"""


@dataclass(frozen=True)
class Estimate:
    """A measured value and the interval that holds it with 95 % confidence."""

    value: float
    low: float
    high: float


def percentile_estimate(timing: Timing, level: float, seed: int = 0) -> Estimate:
    """A percentile in milliseconds."""
    values = timing.milliseconds
    draws = [np.percentile(values[index], level) for index in _resamples(len(values), seed)]
    return _estimate(float(np.percentile(values, level)), np.array(draws))


def ratio_estimate(numerator: Timing, denominator: Timing, seed: int = 0) -> Estimate:
    """Ratio of the medians; both timings come from the same rounds."""
    a, b = numerator.milliseconds, denominator.milliseconds
    draws = [np.median(a[index]) / np.median(b[index]) for index in _resamples(len(a), seed)]
    return _estimate(float(np.median(a) / np.median(b)), np.array(draws))


def median_estimate(samples: Sequence[float]) -> Estimate:
    """The median of ``MEDIAN_SAMPLES`` or more independent samples, and their range.

    Raises:
        ValueError: if there are fewer.
    """
    if len(samples) < MEDIAN_SAMPLES:
        raise ValueError(f"{len(samples)} samples; the range of {MEDIAN_SAMPLES} is needed")
    return Estimate(float(np.median(samples)), float(min(samples)), float(max(samples)))


def _resamples(count: int, seed: int) -> list[NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    blocks = np.array_split(np.arange(count), min(BLOCKS, count))
    choices = random.integers(0, len(blocks), (RESAMPLES, len(blocks)))
    return [np.concatenate([blocks[i] for i in row]) for row in choices]


def _estimate(value: float, draws: NDArray[np.float64]) -> Estimate:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Estimate(value, float(low), float(high))
