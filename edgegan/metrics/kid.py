"""Kernel Inception Distance: unbiased squared maximum mean discrepancy of two sets of features.

Bińkowski et al. 2018, "Demystifying MMD GANs" (arXiv 1801.01401): kernel (x·y/D + 1)³, mean over
random subsets. Unlike FID it has no bias of few samples, and is below zero by chance for equal sets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgegan.errors import UsageError
from edgegan.metrics.feature_sets import Features, check_sets


@dataclass(frozen=True)
class KernelDistance:
    """A Kernel Inception Distance.

    Attributes:
        value: mean over the subsets.
        standard_deviation: among the subsets, as other tools print it: mostly a matter of their size.
        standard_error: of ``value`` as an estimate of the two generators' distance; infinite when the
            subsets are the whole set, which leaves nothing to judge by.
    """

    value: float
    standard_deviation: float
    standard_error: float
    subsets: int
    subset_size: int


def kernel_distance(
    a: Features, b: Features, subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> KernelDistance:
    """KID of float features ``[N, D]`` and ``[M, D]``, in float64.

    A subset of m out of n images varies with c/m (1 - m/n), and the whole set with c/n, so that the
    first, which is observed, gives the second; the mean of S subsets adds its own share of 1/S.

    Args:
        subset_size: images drawn from each side, without repetition.
        seed: of the draws; they follow NumPy's frozen ``RandomState``, so that a number can be
            repeated with any version.

    Raises:
        DataError: see ``check_sets``.
        UsageError: if a side has fewer images than a subset.
    """
    check_sets(a, b, 2)
    smallest = min(len(a), len(b))
    if not 2 <= subset_size <= smallest:
        raise UsageError(
            f"KID subsets of {subset_size} cannot be drawn from {smallest} images; choose a size from 2 "
            f"to {smallest}."
        )
    random = np.random.RandomState(seed)
    values = np.empty(subsets)
    for index in range(subsets):
        x = a[random.choice(len(a), subset_size, replace=False)].astype(np.float64)
        y = b[random.choice(len(b), subset_size, replace=False)].astype(np.float64)
        values[index] = _squared_mmd(x, y)
    deviation = float(values.std())
    share = subset_size / smallest
    error = float("inf")
    if share < 1:
        error = float(deviation * np.sqrt(1 / subsets + share / (1 - share)))
    return KernelDistance(float(values.mean()), deviation, error, subsets, subset_size)


def _squared_mmd(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """The unbiased estimate from equally many samples of both sides."""
    count = len(x)
    within = 0.0
    for side in (x, y):
        kernel = _kernel(side, side)
        within += kernel.sum() - np.trace(kernel)
    return float(within / (count * (count - 1)) - 2 * _kernel(x, y).mean())


def _kernel(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    base = x @ y.T / x.shape[1] + 1.0
    cube: NDArray[np.float64] = base * base * base
    return cube
