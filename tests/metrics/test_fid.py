"""Fréchet distance against pytorch-fid's own function and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegan.errors import DataError
from edgegan.metrics.fid import frechet_distance
from edgegan.metrics.statistics import FeatureStatistics, MomentAccumulator


def statistics(seed: int, count: int, dimensions: int) -> FeatureStatistics:
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(dimensions, dimensions)) / np.sqrt(dimensions)
    moments = MomentAccumulator(dimensions)
    moments.add(random.normal(size=(count, dimensions)) @ mixing + random.normal(size=dimensions))
    return moments.statistics()


@pytest.mark.parametrize(("count", "dimensions"), [(1000, 16), (500, 64), (3000, 256)])
def test_equals_pytorch_fid(count: int, dimensions: int) -> None:
    from pytorch_fid.fid_score import calculate_frechet_distance

    a, b = statistics(0, count, dimensions), statistics(1, count, dimensions)
    expected = calculate_frechet_distance(a.mean, a.covariance, b.mean, b.covariance)
    assert frechet_distance(a, b) == pytest.approx(float(expected), rel=1e-6)


@given(st.lists(st.floats(0.01, 10), min_size=2, max_size=6), st.floats(-5, 5))
def test_diagonal_closed_form(variances: list[float], shift: float) -> None:
    """Independent dimensions: Σ (m1-m2)² + (σ1-σ2)²."""
    v = np.array(variances)
    a = FeatureStatistics(np.zeros(len(v)), np.diag(v), 10)
    b = FeatureStatistics(np.full(len(v), shift), np.diag(v[::-1]), 10)
    expected = len(v) * shift**2 + np.square(np.sqrt(v) - np.sqrt(v[::-1])).sum()
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_a_set_with_itself_is_zero() -> None:
    a = statistics(0, 500, 32)
    assert abs(frechet_distance(a, a)) < 1e-9


def test_fewer_samples_than_dimensions() -> None:
    """Singular covariances need no special case."""
    a, b = statistics(0, 10, 40), statistics(1, 10, 40)
    assert np.isfinite(frechet_distance(a, b))
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-6)


def test_other_dimensions_are_refused() -> None:
    with pytest.raises(DataError, match="16 and 8"):
        frechet_distance(statistics(0, 50, 16), statistics(0, 50, 8))


def test_nan_is_refused() -> None:
    a = statistics(0, 50, 4)
    bad = FeatureStatistics(a.mean * np.nan, a.covariance, 50)
    with pytest.raises(DataError, match="NaN"):
        frechet_distance(a, bad)
