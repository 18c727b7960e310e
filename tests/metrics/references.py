"""Brute force in float64, straight from the papers' formulas, and features to try metrics on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def clusters(seed: int, count: int, dimensions: int = 12, modes: int = 5) -> NDArray[np.float32]:
    """Features in clusters of different widths; the clusters are the same for every seed."""
    centres = np.random.default_rng(99).normal(0, 3, (modes, dimensions))
    random = np.random.default_rng(seed)
    mode = random.integers(0, modes, count)
    spread = 0.3 + 0.2 * mode[:, None]
    return (centres[mode] + spread * random.normal(size=(count, dimensions))).astype(np.float32)


def distances(a: NDArray[np.floating], b: NDArray[np.floating]) -> Array:  # type: ignore[type-arg]
    x, y = a.astype(np.float64), b.astype(np.float64)
    return np.array([[np.sqrt(np.square(p - q).sum()) for q in y] for p in x])


def radii(a: NDArray[np.floating], k: int) -> Array:  # type: ignore[type-arg]
    own = distances(a, a)
    return np.array([sorted(np.delete(row, i))[k - 1] for i, row in enumerate(own)])


def within(a: NDArray[np.floating], b: NDArray[np.floating], k: int) -> NDArray[np.bool_]:  # type: ignore[type-arg]
    """[i, j]: is a_i in the ball around b_j?"""
    return distances(a, b) <= radii(b, k)[None, :]


def realism(a: NDArray[np.floating], b: NDArray[np.floating], k: int) -> Array:  # type: ignore[type-arg]
    reach = radii(b, k)
    kept = reach <= np.median(reach)
    with np.errstate(divide="ignore"):
        return (reach[kept][None, :] / distances(a, b[kept])).max(1)
