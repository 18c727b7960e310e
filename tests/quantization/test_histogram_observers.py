"""Histogram observers against brute force, and against how their images come."""

from __future__ import annotations

import numpy as np
import pytest

from edgegan.quantization.grid import IntegerGrid, affine_parameters
from edgegan.quantization.histogram_observers import SIDE, divergence
from edgegan.quantization.observers import Observer, Quantiles, observer_of


def observed(name: str, *batches: np.ndarray) -> Observer:
    observer = observer_of(name, Quantiles(0, 1), 0.99)()
    for batch in batches:
        observer.observe(batch.astype(np.float32))
    return observer


def ends(observer: Observer) -> tuple[float, float]:
    assert observer.low is not None and observer.high is not None
    return observer.low, observer.high


def squared_error(values: np.ndarray, low: float, high: float) -> float:
    scale, zero = affine_parameters(low, high, IntegerGrid(8, False))
    integers = (np.rint(values / float(scale)) + zero).clip(0, 255)
    return float(np.square((integers - zero) * float(scale) - values).mean())


@pytest.mark.parametrize("name", ["mse", "entropy"])
def test_batches_and_their_order_do_not_matter(name: str) -> None:
    images = (
        np.random.default_rng(0).standard_t(3, size=(12, 500)) * np.geomspace(1e-3, 9, 12)[:, None]
    )
    once = ends(observed(name, images))
    assert once == ends(observed(name, *images[::-1, None]))
    assert once == ends(observed(name, images[:5], images[5:]))


def test_mse_is_as_good_as_brute_force() -> None:
    values = np.random.default_rng(1).standard_t(3, size=(4, 5000))
    low, high = ends(observed("mse", values))
    grid = [(values.min() * a, values.max() * b) for a in np.linspace(0.02, 1, 50)
            for b in np.linspace(0.02, 1, 50)]  # fmt: skip
    least = min(squared_error(values, *pair) for pair in grid)
    widest = squared_error(values, values.min(), values.max())
    assert least < 0.97 * widest
    assert squared_error(values, low, high) <= least + 0.02 * (widest - least)


def test_a_uniform_distribution_is_not_clipped() -> None:
    values = np.random.default_rng(2).uniform(-1, 1, size=(4, 50_000))
    for name in ("mse", "entropy"):
        low, high = ends(observed(name, values))
        assert low < -0.97 and high > 0.97


def test_entropy_clips_a_lone_outlier() -> None:
    values = np.abs(np.random.default_rng(3).normal(size=(1, 100_000)))
    values[0, 0] = 60.0
    low, high = ends(observed("entropy", values))
    assert low >= 0 and 3.5 < high < 20


def test_zeros_do_not_decide() -> None:
    """What a ReLU leaves of a uniform distribution is clipped no more than the distribution itself."""
    values = np.random.default_rng(4).uniform(-1, 1, size=(1, 100_000)).clip(0)
    _, high = ends(observed("entropy", values))
    assert high > 0.97


def test_divergence_by_hand() -> None:
    """4 bins on 2 levels: p = (4, 0, 1, 3 + 2) / 10, q = (4, 0, 2, 2) / 8."""
    magnitudes = np.zeros(SIDE, np.int64)
    magnitudes[[0, 2, 3, 9]] = 4, 1, 3, 2
    p, q = np.array([0.4, 0.1, 0.5]), np.array([0.5, 0.25, 0.25])
    assert divergence(magnitudes, 4, 2) == pytest.approx(float((p * np.log(p / q)).sum()))


def test_not_finite_values_show() -> None:
    observer = observed("mse", np.array([[1.0, np.inf]]), np.ones((1, 2)))
    assert observer.high == np.inf


def test_zeros_alone() -> None:
    assert ends(observed("mse", np.zeros((2, 3)))) == (0, 0)
    assert ends(observed("entropy", np.zeros((2, 3)))) == (0, 0)
