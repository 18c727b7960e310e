"""The images that a metric finds worst: a mean hides them, and they are what a user will complain of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Case:
    """One image of a set.

    Attributes:
        index: its place in the set.
        score: what it scored.
    """

    index: int
    score: float


def worst_cases(
    scores: NDArray[np.float64], count: int = 8, high_is_bad: bool = False
) -> list[Case]:
    """The ``count`` worst images, the worst first; equal ones in their order, NaN before all.

    Args:
        scores: of each image ``[N]``, e.g. from ``psnr_per_image``, ``ssim`` or ``realism_scores``.
        high_is_bad: as for distances such as LPIPS.
    """
    keys = -scores if high_is_bad else scores
    order = np.lexsort((keys, ~np.isnan(keys)))[:count]
    return [Case(int(index), float(scores[index])) for index in order]
