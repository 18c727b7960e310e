"""Streaming moments against NumPy on the whole array, and their file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgegan.errors import DataError
from edgegan.metrics.statistics import MomentAccumulator
from edgegan.metrics.statistics_file import load_statistics, save_statistics


def test_streaming_equals_numpy() -> None:
    values = np.random.default_rng(0).normal(5, 2, size=(1003, 7))
    moments = MomentAccumulator(7)
    for start in range(0, 1003, 50):
        moments.add(values[start : start + 50])
    result = moments.statistics()
    assert result.count == 1003
    np.testing.assert_allclose(result.mean, values.mean(0), rtol=1e-12)
    np.testing.assert_allclose(result.covariance, np.cov(values.T), rtol=1e-10)


def test_a_large_mean_does_not_cancel() -> None:
    values = np.random.default_rng(0).normal(size=(500, 3)) + 1e8
    moments = MomentAccumulator(3)
    for part in np.split(values, 50):
        moments.add(part)
    np.testing.assert_allclose(moments.statistics().covariance, np.cov(values.T), atol=1e-6)


def test_one_vector_is_too_few() -> None:
    moments = MomentAccumulator(2)
    moments.add(np.ones((1, 2)))
    with pytest.raises(DataError, match="at least 2"):
        moments.statistics()


def test_file_round_trip(tmp_path: Path) -> None:
    moments = MomentAccumulator(3)
    moments.add(np.random.default_rng(0).normal(size=(9, 3)))
    saved = moments.statistics()
    save_statistics(tmp_path / "s.safetensors", {"train": saved})
    loaded = load_statistics(tmp_path / "s.safetensors", "train")
    np.testing.assert_array_equal(loaded.covariance, saved.covariance)
    assert loaded.count == 9
    with pytest.raises(DataError, match="no split 'test'"):
        load_statistics(tmp_path / "s.safetensors", "test")
    (tmp_path / "broken").write_bytes(b"xx")
    with pytest.raises(DataError, match="cannot be read"):
        load_statistics(tmp_path / "broken", "train")
