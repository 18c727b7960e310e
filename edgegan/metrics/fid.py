"""Fréchet distance between two sets of features: FID, and qFID on the same latents.

Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule" (arXiv 1706.08500), equation 6:

    d² = |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½)

qFID (Andreev et al. 2021, section 4) is the same distance between the images of the full-precision
and of the quantized generator for the same latents.
"""

from __future__ import annotations

import numpy as np

from edgegan.errors import DataError
from edgegan.metrics.statistics import FeatureStatistics


def frechet_distance(a: FeatureStatistics, b: FeatureStatistics) -> float:
    """Squared Fréchet distance of the two normal distributions with these moments.

    tr (C1 C2)^½ is the sum of the square roots of the eigenvalues of C1^½ C2 C1^½, which is
    symmetric and positive semi-definite: two ``eigh`` replace a general matrix square root, and
    no imaginary part or singular product can arise.

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
    values, vectors = np.linalg.eigh(a.covariance)
    root = (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T
    inner = np.linalg.eigvalsh(root @ b.covariance @ root)
    trace_root = np.sqrt(np.clip(inner, 0.0, None)).sum()
    difference = a.mean - b.mean
    distance = (
        difference @ difference + np.trace(a.covariance) + np.trace(b.covariance) - 2 * trace_root
    )
    return float(distance)
