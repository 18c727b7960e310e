"""Improved precision and recall: how many generated images look real, how much of the real is made.

Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative Models" (arXiv
1904.06991): an image belongs to a set's manifold if it lies in the ball around any member of the set
that reaches to that member's ``k``-th nearest neighbour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgegan.metrics.feature_sets import Features, check_sets
from edgegan.metrics.neighbours import Distances, squared_radii


@dataclass(frozen=True)
class PrecisionRecall:
    """Precision and recall.

    Attributes:
        precision: share of generated images in the real images' manifold.
        recall: share of real images in the generated images' manifold.
    """

    precision: float
    recall: float


def precision_recall(generated: Features, real: Features, k: int = 3) -> PrecisionRecall:
    """Precision and recall of float features ``[N, D]`` and ``[M, D]``.

    Exact in float64; the distances themselves pass by in blocks, see ``neighbours``.

    Raises:
        DataError: see ``check_sets``.
    """
    check_sets(generated, real, k + 1)
    generated_radii, real_radii = squared_radii(generated, k), squared_radii(real, k)
    looks_real, is_made = np.zeros(len(generated), bool), np.zeros(len(real), bool)
    distances = Distances(generated, real)
    for block in distances.blocks():
        rows, _ = distances.within(block, real_radii)
        looks_real[rows] = True
        _, columns = distances.within(block, generated_radii, of_rows=True)
        is_made[columns] = True
    return PrecisionRecall(float(looks_real.mean()), float(is_made.mean()))
