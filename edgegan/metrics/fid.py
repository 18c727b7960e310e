"""Fréchet distance between two sets of features: FID, and qFID on the same latents.

Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule" (arXiv 1706.08500), equation 6:

    d² = |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½)

qFID (Andreev et al. 2021, section 4) is the same distance between the images of the full-precision
and of the quantized generator for the same latents.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgegan.errors import DataError
from edgegan.metrics.statistics import FeatureStatistics, moments


def frechet_distance(a: FeatureStatistics, b: FeatureStatistics) -> float:
    """Squared Fréchet distance of the two normal distributions with these moments.

    With any factor C1 = L Lᵀ, tr (C1 C2)^½ is the sum of the square roots of the eigenvalues of
    Lᵀ C2 L, which is symmetric and positive semi-definite: no general matrix square root is taken,
    and no imaginary part or singular product can arise. The side with fewer samples is factored, to
    its rank: square roots would turn the rounding of zero eigenvalues into an error that is seen.

    Raises:
        DataError: if the two were made by networks of different dimensions, or are not finite.
    """
    if a.mean.shape != b.mean.shape:
        raise DataError(
            f"features of {a.mean.size} and {b.mean.size} dimensions cannot be compared; use one "
            "feature network for both sides."
        )
    for side in (a, b):
        if not (np.isfinite(side.mean).all() and np.isfinite(side.covariance).all()):
            raise DataError("feature statistics hold NaN or infinity; the images are not finite.")
    few, many = sorted((a, b), key=lambda side: side.count)
    factor = _factor(few)
    inner = np.linalg.eigvalsh(factor.T @ many.covariance @ factor)
    trace_root = np.sqrt(np.clip(inner, 0.0, None)).sum()
    difference = a.mean - b.mean
    distance = (
        difference @ difference + np.trace(a.covariance) + np.trace(b.covariance) - 2 * trace_root
    )
    return float(distance)


def frechet_feature_distance(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """``frechet_distance`` of two sets of feature vectors, float ``[N, D]`` and ``[M, D]``."""
    return frechet_distance(moments(a), moments(b))


def qfid(original: NDArray[np.floating], quantized: NDArray[np.floating]) -> float:
    """Fréchet distance of features of the same inputs, image by image: float ``[N, D]`` each.

    Raises:
        DataError: if the two sets are not of the same size.
    """
    if len(original) != len(quantized):
        raise DataError(
            f"qFID compares images of the same latents, and here are {len(original)} and "
            f"{len(quantized)}; generate both sets from one seed and count."
        )
    return frechet_feature_distance(original, quantized)


def bias_note(samples: int, dimensions: int) -> str:
    """What to say beside a Fréchet distance of so few samples; empty when there are enough."""
    if samples > dimensions:
        return ""
    return (
        f"{samples} samples do not span {dimensions} features: the distance is biased upwards and "
        "compares only with others of the same sample count."
    )


def _factor(statistics: FeatureStatistics) -> NDArray[np.float64]:
    """L ``[D, rank]`` with ``covariance`` = L Lᵀ."""
    covariance = statistics.covariance
    if statistics.count > len(covariance):
        try:
            return np.asarray(np.linalg.cholesky(covariance), np.float64)
        except np.linalg.LinAlgError:
            pass  # a feature that never varies, or that follows from others
    values, vectors = np.linalg.eigh(covariance)
    used = values > values[-1] * len(values) * np.finfo(np.float64).eps
    factor: NDArray[np.float64] = vectors[:, used] * np.sqrt(values[used])
    return factor
