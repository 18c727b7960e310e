"""What every metric of two sets of features asks of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgegan.errors import DataError

Features = NDArray[np.floating[Any]]
"""Feature vectors ``[N, D]``."""


def check_sets(a: Features, b: Features, least: int) -> None:
    """Refuse sets that cannot be compared.

    Args:
        least: number of vectors that the metric needs of each.

    Raises:
        DataError: if they are not matrices of the same number of finite columns, or too short.
    """
    for side in (a, b):
        if side.ndim != 2:
            raise DataError(f"features have to be vectors [N, D], not {list(side.shape)}.")
        if len(side) < least:
            raise DataError(
                f"{len(side)} images are too few: this metric needs at least {least} on each side."
            )
        if not np.isfinite(side).all():
            raise DataError("features hold NaN or infinity; the images are not finite.")
    if a.shape[1] != b.shape[1]:
        raise DataError(
            f"features of {a.shape[1]} and {b.shape[1]} dimensions cannot be compared; use one "
            "feature network for both sides."
        )
