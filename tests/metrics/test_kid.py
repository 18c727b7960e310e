"""KID against torch-fidelity, a closed form, and what its standard error promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgegan.errors import UsageError
from edgegan.metrics.kid import kernel_distance
from tests.metrics.references import clusters


def test_torch_fidelity() -> None:
    kid = pytest.importorskip("torch_fidelity.metric_kid", reason="torch-fidelity is not installed")
    a, b = clusters(0, 300), clusters(1, 260) + np.float32(0.1)
    expected = kid.kid_features_to_metric(
        torch.from_numpy(a).double(),
        torch.from_numpy(b).double(),
        kid_subsets=20,
        kid_subset_size=100,
        rng_seed=7,
        verbose=False,
    )
    found = kernel_distance(a, b, 20, 100, seed=7)
    assert found.value == pytest.approx(expected["kernel_inception_distance_mean"], rel=1e-6)
    assert found.standard_deviation == pytest.approx(
        expected["kernel_inception_distance_std"], rel=1e-6
    )


def test_by_the_definition() -> None:
    """Whole sets: sums over all pairs of different images, term by term."""
    a, b = clusters(0, 9, 3).astype(np.float64), clusters(1, 9, 3).astype(np.float64)

    def mean(x: np.ndarray, y: np.ndarray, same: bool) -> float:  # type: ignore[type-arg]
        terms = [
            (p @ q / 3 + 1) ** 3
            for i, p in enumerate(x)
            for j, q in enumerate(y)
            if not same or i != j
        ]
        return float(np.mean(terms))

    expected = mean(a, a, True) + mean(b, b, True) - 2 * mean(a, b, False)
    found = kernel_distance(a, b, subsets=1, subset_size=9)
    assert found.value == pytest.approx(expected, rel=1e-10)
    assert found.standard_error == float("inf")


def test_the_standard_error_is_that_of_repeated_experiments() -> None:
    found = [
        kernel_distance(clusters(2 * s, 200), clusters(2 * s + 1, 200) * np.float32(1.3), 30, 50, s)
        for s in range(40)
    ]
    spread = np.std([one.value for one in found], ddof=1)
    promised = np.mean([one.standard_error for one in found])
    assert 0.6 < promised / spread < 1.6


def test_direction_and_no_bias() -> None:
    real = clusters(0, 400)
    values = [
        kernel_distance(clusters(1, 400) + np.float32(shift), real, 20, 100).value
        for shift in (0, 0.5, 2)
    ]
    assert values == sorted(values)
    same = kernel_distance(clusters(1, 400), real, 20, 100)
    assert abs(same.value) < 4 * same.standard_error < values[-1]


def test_too_few_images_for_a_subset() -> None:
    with pytest.raises(UsageError, match="from 2 to 50"):
        kernel_distance(clusters(0, 50), clusters(1, 60))
