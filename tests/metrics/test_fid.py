"""Fréchet distance against pytorch-fid's own function and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegan.errors import DataError
from edgegan.metrics.fid import frechet_distance, frechet_feature_distance, qfid
from edgegan.metrics.statistics import FeatureStatistics, MomentAccumulator
from tests.metrics.references import clusters


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


def nuclear(a: np.ndarray, b: np.ndarray) -> float:  # type: ignore[type-arg]
    """The distance from the features' own singular values, which no square root makes noisy."""
    x, y = ((f - f.mean(0)) / np.sqrt(len(f) - 1) for f in (a, b))
    root = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    shift = np.square(a.mean(0) - b.mean(0)).sum()
    return float(shift + np.square(x).sum() + np.square(y).sum() - 2 * root)


@pytest.mark.parametrize(("few", "many"), [(10, 10), (10, 35), (30, 400), (41, 41)])
def test_fewer_samples_than_dimensions(few: int, many: int) -> None:
    """Covariances without full rank, on one side or on both, in either order."""
    random = np.random.default_rng(0)
    a, b = random.normal(size=(few, 40)), random.normal(size=(many, 40)) + 0.1
    for x, y in ((a, b), (b, a)):
        assert frechet_feature_distance(x, y) == pytest.approx(nuclear(a, b), rel=1e-9)


@pytest.mark.parametrize("count", [50, 400])
def test_qfid_of_a_model_with_itself_is_zero(count: int) -> None:
    """Also with fewer images than features, and with features that never vary."""
    features = 10 * np.random.default_rng(0).normal(size=(count, 128)).astype(np.float32)
    features[:, 100:] = 0.0
    assert abs(qfid(features, features)) < 1e-9


def test_features_that_never_vary() -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=(300, 20)), random.normal(size=(300, 20)) + 0.1
    a[:, 7:] = b[:, 7:] = 3.0
    expected = frechet_feature_distance(a[:, :7], b[:, :7])
    assert frechet_feature_distance(a, b) == pytest.approx(expected, rel=1e-9)


def test_qfid_is_of_pairs() -> None:
    features = np.random.default_rng(0).normal(size=(50, 4))
    with pytest.raises(DataError, match="50 and 49"):
        qfid(features, features[:49])


def test_direction() -> None:
    """Noise and dropped modes cost distance, more of them more."""
    real, same = clusters(0, 500), clusters(1, 500)
    noise = np.random.default_rng(0).normal(size=same.shape)
    distances = [frechet_feature_distance(same + s * noise, real) for s in (0, 0.5, 1)]
    assert distances == sorted(distances)
    modes = [
        frechet_feature_distance(clusters(1, 500, modes=m), clusters(0, 500)) for m in (5, 3, 1)
    ]
    assert modes == sorted(modes)


def test_other_dimensions_are_refused() -> None:
    with pytest.raises(DataError, match="16 and 8"):
        frechet_distance(statistics(0, 50, 16), statistics(0, 50, 8))


def test_nan_is_refused() -> None:
    a = statistics(0, 50, 4)
    bad = FeatureStatistics(a.mean * np.nan, a.covariance, 50)
    with pytest.raises(DataError, match="NaN"):
        frechet_distance(a, bad)
