"""Inception Score against torch-fidelity and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgegan.errors import DataError, UsageError
from edgegan.metrics.inception_score import inception_score, softmax


def logits(count: int, sharpness: float = 1.0, classes: int = 10) -> np.ndarray:  # type: ignore[type-arg]
    return (sharpness * np.random.default_rng(0).normal(size=(count, classes))).astype(np.float32)


@pytest.mark.parametrize(("count", "splits"), [(500, 10), (503, 10), (40, 1)])
def test_torch_fidelity(count: int, splits: int) -> None:
    isc = pytest.importorskip("torch_fidelity.metric_isc", reason="torch-fidelity is not installed")
    given = logits(count, 3.0)
    expected = isc.isc_features_to_metric(torch.from_numpy(given), splits, True, 5)
    found = inception_score(softmax(given), splits, seed=5)
    assert found.value == pytest.approx(expected["inception_score_mean"], rel=1e-6)
    assert found.standard_deviation == pytest.approx(
        expected["inception_score_std"], rel=1e-6, abs=1e-9
    )


def test_closed_forms() -> None:
    """Certain and even over all classes: their number; the same for all images: 1."""
    assert inception_score(np.eye(7)[np.arange(70) % 7], 1).value == pytest.approx(7.0)
    assert inception_score(np.full((50, 4), 0.25)).value == pytest.approx(1.0)
    assert inception_score(np.eye(5)[np.zeros(50, int)]).value == pytest.approx(1.0)


def test_direction() -> None:
    """Blurred decisions and dropped classes cost score."""
    sharp = inception_score(softmax(logits(2000, 6.0))).value
    assert inception_score(softmax(logits(2000, 2.0))).value < sharp
    dropped = logits(2000, 6.0)
    dropped[:, 5:] = -50
    assert inception_score(softmax(dropped)).value < 0.7 * sharp


def test_softmax_of_large_logits() -> None:
    np.testing.assert_allclose(softmax(np.array([[1e4, 1e4, -1e4]])), [[0.5, 0.5, 0.0]])


def test_what_is_refused() -> None:
    with pytest.raises(DataError, match="softmax"):
        inception_score(logits(20))
    with pytest.raises(UsageError, match="10 splits"):
        inception_score(np.full((5, 2), 0.5))
