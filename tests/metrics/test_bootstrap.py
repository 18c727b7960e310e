"""Confidence intervals against textbook formulas, and how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest

from edgegan.errors import UsageError
from edgegan.metrics.bootstrap import confidence_interval, half_samples, with_replacement
from edgegan.metrics.fid import frechet_feature_distance, qfid
from edgegan.metrics.precision_recall import precision_recall
from tests.metrics.references import clusters


def mean(values: np.ndarray) -> float:  # type: ignore[type-arg]
    return float(values.mean())


@pytest.mark.parametrize("draw", [with_replacement, half_samples])
def test_the_standard_error_of_a_mean(draw: object) -> None:
    values = np.random.default_rng(0).normal(3, 2, (400, 1))
    found = confidence_interval(mean, [values], draw, replicates=2000)  # type: ignore[arg-type]
    expected = values.std(ddof=1) / np.sqrt(400)
    assert found.value == values.mean()
    assert found.standard_error == pytest.approx(expected, rel=0.05)
    assert found.low == pytest.approx(values.mean() - 1.96 * expected, abs=0.15 * expected)
    assert found.high == pytest.approx(values.mean() + 1.96 * expected, abs=0.15 * expected)


@pytest.mark.parametrize("draw", [with_replacement, half_samples])
def test_it_holds_the_truth_as_often_as_it_says(draw: object) -> None:
    held = 0
    for seed in range(200):
        values = np.random.default_rng(seed).exponential(1.0, (100, 1))
        found = confidence_interval(mean, [values], draw, level=0.9, seed=seed)  # type: ignore[arg-type]
        held += found.low <= 1.0 <= found.high
    assert 0.82 <= held / 200 <= 0.96


def test_the_same_seed_gives_the_same_interval() -> None:
    sets = [clusters(0, 60, 4), clusters(1, 50, 4)]
    one, two, other = (
        confidence_interval(frechet_feature_distance, sets, replicates=20, seed=s)
        for s in (1, 1, 2)
    )
    assert one == two != other
    assert one.low < one.value < one.high


def test_a_biased_statistic_stays_in_its_interval() -> None:
    """Resampled FIDs all lie above the FID of the whole; the interval is of the noise alone."""
    sets = [clusters(0, 80, 30), clusters(1, 80, 30)]
    found = confidence_interval(frechet_feature_distance, sets, replicates=100)
    random = np.random.default_rng(0)
    shifted = [
        frechet_feature_distance(*(one[random.integers(0, 80, 80)] for one in sets))
        for _ in range(20)
    ]
    assert min(shifted) > found.value
    assert found.low < found.value < found.high


def test_pairs_are_drawn_together() -> None:
    a = clusters(0, 100, 4)
    b = a + np.float32(0.01)
    paired = confidence_interval(qfid, [a, b], paired=True, replicates=50)
    apart = confidence_interval(qfid, [a, b], replicates=50)
    assert paired.standard_error < 0.1 * apart.standard_error
    with pytest.raises(UsageError, match="one size"):
        confidence_interval(qfid, [a, b[:9]], paired=True)


def test_precision_by_half_samples() -> None:
    sets = [clusters(0, 200) * np.float32(1.1), clusters(1, 200)]
    found = confidence_interval(
        lambda a, b: precision_recall(a, b).precision, sets, half_samples, replicates=40
    )
    assert found.low < found.value < found.high
    assert 0.005 < found.standard_error < 0.1


def test_one_replicate_is_no_interval() -> None:
    with pytest.raises(UsageError, match="at least 2"):
        confidence_interval(mean, [clusters(0, 9)], replicates=1)
