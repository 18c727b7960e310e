"""Precision, recall, density and coverage against brute force, torch-fidelity and cases by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgegan.errors import DataError
from edgegan.metrics.density_coverage import DensityCoverage, density_coverage
from edgegan.metrics.precision_recall import PrecisionRecall, precision_recall
from tests.metrics import references
from tests.metrics.references import clusters


@pytest.mark.parametrize("k", [1, 3, 5])
def test_brute_force(k: int) -> None:
    generated, real = clusters(0, 120) * np.float32(1.1), clusters(1, 140)
    found = precision_recall(generated, real, k)
    assert found.precision == references.within(generated, real, k).any(1).mean()
    assert found.recall == references.within(real, generated, k).any(1).mean()
    assert 0.05 < found.precision < 1.0
    assert 0.05 < found.recall < 1.0
    inside = references.within(generated, real, k)
    measured = density_coverage(generated, real, k)
    assert measured.density == pytest.approx(inside.sum() / (k * 120), rel=1e-12)
    assert measured.coverage == inside.any(0).mean()


def test_torch_fidelity() -> None:
    prc = pytest.importorskip("torch_fidelity.metric_prc", reason="torch-fidelity is not installed")
    generated, real = clusters(0, 700, 64) * np.float32(1.05), clusters(1, 600, 64)
    expected = prc.calculate_precision_recall_full(
        torch.from_numpy(generated).double(), torch.from_numpy(real).double(), 3
    )
    found = precision_recall(generated, real, 3)
    assert (found.precision, found.recall) == pytest.approx(expected, rel=1e-6)
    assert 0.1 < found.precision < 0.99


def test_by_hand() -> None:
    """On a line, k = 1: real balls [-1, 1], [0, 2], [1, 5]; two hold 0.5 and none holds 7."""
    real = np.array([[0.0], [1.0], [3.0]], np.float32)
    generated = np.array([[0.5], [7.0]], np.float32)
    assert precision_recall(generated, real, 1) == PrecisionRecall(0.5, 1.0)
    assert density_coverage(generated, real, 1) == DensityCoverage(1.0, 2 / 3)


def test_a_set_with_itself() -> None:
    features = clusters(0, 100)
    found = precision_recall(features, features)
    assert (found.precision, found.recall) == (1.0, 1.0)
    assert density_coverage(features, features).coverage == 1.0


def test_dropped_modes_cost_recall_and_noise_costs_precision() -> None:
    real, same = clusters(0, 400), clusters(1, 400)
    one_mode = clusters(1, 400, modes=1)
    noisy = same + np.random.default_rng(0).normal(0, 1.5, same.shape).astype(np.float32)
    good, dropped, noise = (precision_recall(x, real) for x in (same, one_mode, noisy))
    assert good.recall > 0.8 > 0.4 > dropped.recall
    assert dropped.precision > 0.8
    assert good.precision > 0.8 > 0.4 > noise.precision
    good_d, dropped_d, noise_d = (density_coverage(x, real) for x in (same, one_mode, noisy))
    assert good_d.coverage > 0.8 > 0.4 > dropped_d.coverage
    assert noise_d.density < 0.4 < good_d.density


def test_sets_that_cannot_be_compared() -> None:
    features = clusters(0, 50)
    with pytest.raises(DataError, match="12 and 8 dimensions"):
        precision_recall(features, features[:, :8])
    with pytest.raises(DataError, match="3 images are too few"):
        density_coverage(features[:3], features)
    with pytest.raises(DataError, match="NaN"):
        precision_recall(features * np.float32("nan"), features)
    with pytest.raises(DataError, match=r"\[N, D\]"):
        precision_recall(features[0], features[0])
