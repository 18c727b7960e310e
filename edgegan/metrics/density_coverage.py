"""Density and coverage: precision and recall that one outlier does not decide.

Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models" (arXiv 2002.09797),
equations 4 and 6. Both use the balls of the real images alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgegan.metrics.feature_sets import Features, check_sets
from edgegan.metrics.neighbours import Distances, squared_radii


@dataclass(frozen=True)
class DensityCoverage:
    """Density and coverage.

    Attributes:
        density: mean number of real balls around a generated image, over ``k``; can be above 1.
        coverage: share of real images whose ball holds a generated one.
    """

    density: float
    coverage: float


def density_coverage(generated: Features, real: Features, k: int = 5) -> DensityCoverage:
    """Density and coverage of float features ``[N, D]`` and ``[M, D]``; exact in float64.

    Raises:
        DataError: see ``check_sets``.
    """
    check_sets(generated, real, k + 1)
    radii = squared_radii(real, k)
    covered, pairs = np.zeros(len(real), bool), 0
    distances = Distances(generated, real)
    for block in distances.blocks():
        _, columns = distances.within(block, radii)
        covered[columns] = True
        pairs += len(columns)
    return DensityCoverage(pairs / (k * len(generated)), float(covered.mean()))
