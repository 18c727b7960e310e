"""Confidence intervals of any statistic of feature sets, by computing it again on resampled images.

Two ways to draw. ``with_replacement`` is the bootstrap (Efron 1979). Statistics of nearest neighbours
break under it, because a repeated image has itself as its neighbour; ``half_samples`` draws half of the
images without repetition, the delete-d jackknife of Shao and Wu 1989 ("A General Theory for Jackknife
Variance Estimation") with d = N/2, whose scale is exactly 1.

Both shift a biased statistic such as FID: they hold fewer distinct images. Deviations are therefore
taken around the replicates' own mean: the interval tells the noise of sampling, not the bias, which
sets of the same size share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgegan.errors import UsageError
from edgegan.metrics.feature_sets import Features

Draw = Callable[[np.random.Generator, int], NDArray[np.int64]]
"""From a count of images to the indices of one replicate."""


@dataclass(frozen=True)
class Interval:
    """A statistic with the noise of its samples.

    Attributes:
        value: of all images.
        low, high: around it at ``level``.
        standard_error: of the value.
        level: e.g. 0.95.
        replicates: number of resampled values.
    """

    value: float
    low: float
    high: float
    standard_error: float
    level: float
    replicates: int


def with_replacement(random: np.random.Generator, count: int) -> NDArray[np.int64]:
    return random.integers(0, count, count)


def half_samples(random: np.random.Generator, count: int) -> NDArray[np.int64]:
    return random.permutation(count)[: count // 2]


def confidence_interval(
    statistic: Callable[..., float],
    sets: Sequence[Features],
    draw: Draw = with_replacement,
    *,
    paired: bool = False,
    replicates: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Basic (pivotal) interval of ``statistic(*sets)`` around its value; the same for the same seed.

    Args:
        statistic: of the sets, each an array whose first axis counts images.
        draw: ``with_replacement``, or ``half_samples`` for statistics of nearest neighbours.
        paired: the sets belong together image by image (qFID): one draw for all.

    Raises:
        UsageError: if paired sets are of different sizes, or fewer than two replicates are asked for.
    """
    counts = [len(one) for one in sets]
    if paired and len(set(counts)) > 1:
        raise UsageError(f"paired sets have to be of one size, not of {counts}.")
    if replicates < 2:
        raise UsageError("a confidence interval needs at least 2 replicates.")
    random = np.random.default_rng(seed)
    value = statistic(*sets)
    values = np.empty(replicates)
    for index in range(replicates):
        chosen = (
            [draw(random, counts[0])] * len(sets) if paired else [draw(random, n) for n in counts]
        )
        values[index] = statistic(*(one[rows] for one, rows in zip(sets, chosen, strict=True)))
    deviations = values - values.mean()
    tail = (1.0 - level) / 2.0
    below, above = np.quantile(deviations, [tail, 1.0 - tail])
    return Interval(
        value,
        value - float(above),
        value - float(below),
        float(deviations.std(ddof=1)),
        level,
        replicates,
    )
