"""Realism score: how far inside or outside a set's manifold each single image lies.

Kynkäänniemi et al. 2019 (arXiv 1904.06991), equation 3: the largest ratio of a ball's radius to the
distance of the image from its centre; at least 1 for an image in a ball. Balls larger than the median
are left out, for they stand where the set is thin. Hötter et al. 2020 average it over the generated
images in the real manifold ("precision") and over the real images in the generated one ("recall").

A ratio has no upper end: an image that nearly repeats one of the set scores in the thousands and alone
moves the mean, for precision and recall by the same pair. The median says what a typical image scores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgegan.metrics.feature_sets import Features, check_sets
from edgegan.metrics.neighbours import Distances, squared_radii

_CANDIDATES = 16


@dataclass(frozen=True)
class Realism:
    """Realism of generated images (precision) and of real ones (recall), image by image.

    Attributes:
        precision: of each generated image in the real manifold, float64 ``[N]``.
        recall: of each real image in the generated manifold, float64 ``[M]``.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]


def realism(generated: Features, real: Features, k: int = 3) -> Realism:
    """Realism both ways of float features ``[N, D]`` and ``[M, D]``; see ``realism_scores``."""
    return Realism(realism_scores(generated, real, k), realism_scores(real, generated, k))


def realism_scores(images: Features, reference: Features, k: int = 3) -> NDArray[np.float64]:
    """Realism of each of ``images`` in the manifold of ``reference``, float64 ``[N]``.

    Infinite for an image that is the centre of a ball that counts.

    Raises:
        DataError: see ``check_sets``.
    """
    check_sets(images, reference, k + 1)
    radii = squared_radii(reference, k)
    kept = radii <= np.median(radii)
    centres, radii = reference[kept], radii[kept]
    distances = Distances(images, centres)
    count = min(_CANDIDATES, len(centres))
    result = np.empty(len(images))
    for block in distances.blocks():
        with np.errstate(divide="ignore", invalid="ignore"):  # balls of radius 0 come last
            inverse = np.maximum(block.squares, distances.bound) / radii.astype(np.float32)
        best = np.argpartition(inverse, count - 1, axis=1)[:, :count]
        exact = distances.exact(np.repeat(block.rows, count), best.reshape(-1)).reshape(-1, count)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = np.where(exact == 0.0, np.inf, radii[best] / exact)
        result[block.rows] = np.sqrt(ratios.max(1))
    return result
