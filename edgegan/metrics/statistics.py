"""Mean and covariance of features, streamed in float64, and their file format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

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


def save_statistics(path: Path, splits: dict[str, FeatureStatistics]) -> None:
    """Write the statistics of several splits (e.g. ``train`` and ``test``) to a safetensors file."""
    tensors: dict[str, NDArray[np.generic]] = {}
    for split, value in splits.items():
        tensors[f"{split}.mean"] = value.mean
        tensors[f"{split}.covariance"] = np.ascontiguousarray(value.covariance)
        tensors[f"{split}.count"] = np.array(value.count, np.int64)
    save_file(tensors, path)


def load_statistics(path: Path, split: str) -> FeatureStatistics:
    """Read one split back.

    Raises:
        DataError: if the file is missing, damaged, or has no such split.
    """
    try:
        tensors = load_file(path)
        return FeatureStatistics(
            tensors[f"{split}.mean"],
            tensors[f"{split}.covariance"],
            int(tensors[f"{split}.count"]),
        )
    except FileNotFoundError:
        raise DataError(f"feature statistics {path} do not exist.") from None
    except KeyError:
        raise DataError(f"feature statistics {path} have no split {split!r}.") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"feature statistics {path} cannot be read ({error}).") from None
