"""Mean and covariance of features, streamed in float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgegan.errors import DataError


@dataclass(frozen=True)
class FeatureStatistics:
    """First two moments of a set of feature vectors.

    Attributes:
        mean: float64 ``[D]``.
        covariance: float64 ``[D, D]``, unbiased (divided by ``count - 1``).
        count: number of vectors.
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    count: int


class MomentAccumulator:
    """Streams batches of features into their mean and covariance.

    Pairwise update of Chan, Golub, LeVeque 1979, "Updating Formulae and a Pairwise Algorithm for
    Computing Sample Variances": stable, and memory does not grow with the number of vectors.
    """

    def __init__(self, dimensions: int) -> None:
        self.count = 0
        self._mean = np.zeros(dimensions)
        self._scatter = np.zeros((dimensions, dimensions))

    def add(self, features: NDArray[np.floating]) -> None:
        """Add float ``[N, D]`` features."""
        batch = features.astype(np.float64)
        n = len(batch)
        if n == 0:
            return
        mean = batch.mean(0)
        centred = batch - mean
        delta = mean - self._mean
        total = self.count + n
        self._scatter += centred.T @ centred + np.outer(delta, delta) * (self.count * n / total)
        self._mean = self._mean + delta * (n / total)
        self.count = total

    def statistics(self) -> FeatureStatistics:
        """The moments so far.

        Raises:
            DataError: if fewer than two vectors were added.
        """
        if self.count < 2:
            raise DataError("feature statistics need at least 2 images; raise the sample count.")
        return FeatureStatistics(self._mean.copy(), self._scatter / (self.count - 1), self.count)


def moments(features: NDArray[np.floating]) -> FeatureStatistics:
    """Mean and covariance of float ``[N, D]`` features; see ``MomentAccumulator``."""
    accumulator = MomentAccumulator(features.shape[1])
    accumulator.add(features)
    return accumulator.statistics()
