"""FID without its bias of few samples, extrapolated to infinitely many generated images.

Chong and Forsyth 2020, "Effectively Unbiased FID and Inception Score and where to find them" (arXiv
1911.07023), section 3.2: the expected FID of N images is, to first order, linear in 1/N; the line
through the FIDs of several N meets 1/N = 0 at FID∞. Only the bias of the generated side goes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgegan.errors import DataError
from edgegan.metrics.feature_sets import Features
from edgegan.metrics.fid import frechet_distance
from edgegan.metrics.statistics import FeatureStatistics, moments


@dataclass(frozen=True)
class FidInfinity:
    """An extrapolated FID and the points it comes from.

    Attributes:
        value: the extrapolated distance.
        slope: of the distance over 1/N, how strong the bias is.
        counts, distances: the points of the line.
    """

    value: float
    slope: float
    counts: tuple[int, ...]
    distances: tuple[float, ...]


def fid_infinity(
    generated: Features, reference: FeatureStatistics, points: int = 15, seed: int = 0
) -> FidInfinity:
    """Fit the line.

    Args:
        generated: float ``[N, D]``; the subsets are drawn from it, from a tenth of it (or just more
            than D images, if that is larger) to all, each without repetition.
        reference: moments of the real images.
        points: how many subsets.
        seed: of the draws.

    Raises:
        DataError: if there are fewer than 2 (D + 1) images.
    """
    total, dimensions = generated.shape
    if total < 2 * (dimensions + 1):
        raise DataError(
            f"FID∞ of {dimensions} features needs at least {2 * (dimensions + 1)} images, not {total}; "
            "raise the sample count or leave it out."
        )
    random = np.random.default_rng(seed)
    counts = np.linspace(max(total // 10, dimensions + 1), total, points).astype(int)
    distances = [
        frechet_distance(moments(generated[random.choice(total, count, replace=False)]), reference)
        for count in counts
    ]
    slope, value = np.polyfit(1.0 / counts, distances, 1)
    return FidInfinity(
        float(value), float(slope), tuple(int(count) for count in counts), tuple(distances)
    )
