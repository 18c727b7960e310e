"""FID∞ removes the bias of few samples."""

from __future__ import annotations

import numpy as np
import pytest

from edgegan.errors import DataError
from edgegan.metrics.fid import bias_note, frechet_distance
from edgegan.metrics.fid_infinity import fid_infinity
from edgegan.metrics.statistics import FeatureStatistics, moments

SIZE = 20
REFERENCE = FeatureStatistics(np.zeros(SIZE), np.eye(SIZE), 1_000_000)


def test_the_bias_goes() -> None:
    """Standard normals with the mean moved by 1: the true distance is 1."""
    found, plain = [], []
    for seed in range(6):
        features = np.random.default_rng(seed).normal(size=(1500, SIZE))
        features[:, 0] += 1.0
        extrapolated = fid_infinity(features, REFERENCE, seed=seed)
        found.append(extrapolated.value)
        plain.append(frechet_distance(moments(features[:150]), REFERENCE))
        assert extrapolated.slope > 0
        assert (extrapolated.counts[0], extrapolated.counts[-1]) == (150, 1500)
        assert len(extrapolated.distances) == 15
    assert np.mean(plain) > 1.5
    assert np.mean(found) == pytest.approx(1.0, abs=0.1)


def test_the_line_is_numpys() -> None:
    features = np.random.default_rng(0).normal(size=(200, SIZE))
    found = fid_infinity(features, REFERENCE, points=2)
    (n, m), (f, g) = found.counts, found.distances
    slope = (f - g) / (1 / n - 1 / m)
    assert found.slope == pytest.approx(slope)
    assert found.value == pytest.approx(g - slope / m)


def test_too_few_images() -> None:
    with pytest.raises(DataError, match="at least 42 images, not 41"):
        fid_infinity(np.zeros((41, SIZE)), REFERENCE)


def test_bias_note() -> None:
    assert bias_note(2049, 2048) == ""
    assert "2048 samples do not span 2048 features" in bias_note(2048, 2048)
