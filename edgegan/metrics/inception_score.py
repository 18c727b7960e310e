"""Inception Score: images of one class each, and of all classes together.

Salimans et al. 2016, "Improved Techniques for Training GANs" (arXiv 1606.03498), section 4:
exp E KL(p(y|x) | p(y)), averaged over splits of the images. From 1 to the number of classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edgegan.errors import DataError, UsageError
from edgegan.metrics.feature_sets import Features


@dataclass(frozen=True)
class InceptionScore:
    """An Inception Score.

    Attributes:
        value: mean over the splits.
        standard_deviation: among the splits.
    """

    value: float
    standard_deviation: float
    splits: int


def inception_score(probabilities: Features, splits: int = 10, seed: int = 0) -> InceptionScore:
    """Score of class probabilities, float ``[N, classes]``.

    Args:
        splits: the images are shuffled (they may be in the order of their classes) and cut into so many
            parts; 10 in the literature. Numbers of other splits or counts do not compare.
        seed: of the shuffle, as in ``kernel_distance``.

    Raises:
        DataError: if rows are no probabilities.
        UsageError: if there are fewer images than splits.
    """
    p = probabilities.astype(np.float64)
    if p.ndim != 2 or not (p >= 0).all() or not np.allclose(p.sum(1), 1.0, atol=1e-4):
        raise DataError(
            "the Inception Score needs class probabilities, rows of numbers that sum up to 1; give the "
            "softmax of a classifier's logits."
        )
    if not 1 <= splits <= len(p):
        raise UsageError(f"{len(p)} images cannot be cut into {splits} splits; choose fewer.")
    p = p[np.random.RandomState(seed).permutation(len(p))]
    edges = [index * len(p) // splits for index in range(splits + 1)]
    scores = [_score(p[start:stop]) for start, stop in pairwise(edges)]
    return InceptionScore(float(np.mean(scores)), float(np.std(scores)), splits)


def softmax(logits: Features) -> NDArray[np.float64]:
    """Class probabilities of logits ``[N, classes]``, in float64."""
    powers = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    result: NDArray[np.float64] = powers / powers.sum(1, keepdims=True)
    return result


def _score(p: NDArray[np.float64]) -> float:
    """Exponential of the mean divergence; a probability of 0 adds nothing to it."""
    ratio = np.divide(p, p.mean(0), out=np.ones_like(p), where=p > 0)
    return float(np.exp((p * np.log(ratio)).sum(1).mean()))
