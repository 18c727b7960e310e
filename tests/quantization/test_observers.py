"""Observers against hand-computed moving averages and NumPy's quantiles."""

from __future__ import annotations

import numpy as np
import pytest

from edgegan.quantization.observers import (
    MovingAverageQuantileObserver,
    Quantiles,
    WidestQuantileObserver,
    observer_of,
    tensor_quantiles,
)


def test_moving_average_by_hand() -> None:
    observer = MovingAverageQuantileObserver(Quantiles(0, 1), 0.9)
    for high in (10.0, 20.0, 0.0):
        observer.observe(np.array([[-1.0, high]], np.float32))
    # 10, then 0.9·10 + 0.1·20 = 11, then 0.9·11 + 0.1·0 = 9.9
    assert observer.high == pytest.approx(9.9)
    # the third image's lowest value is -1 as well
    assert observer.low == pytest.approx(-1.0)


def test_the_widest_range_clips_no_image() -> None:
    images = np.random.default_rng(2).normal(size=(40, 7)).astype(np.float32)
    observer = WidestQuantileObserver(Quantiles(0, 1))
    for start in range(0, 40, 9):
        observer.observe(images[start : start + 9])
    assert (observer.low, observer.high) == (images.min(), images.max())


def test_the_widest_of_quantiles() -> None:
    observer = observer_of("min-max", Quantiles(0.25, 0.75), 0.99)()
    observer.observe(np.array([[0, 1, 2, 3, 4], [-8, -4, 0, 2, 9]], np.float32))
    assert (observer.low, observer.high) == (-4, 3)


def test_one_by_one_equals_batched() -> None:
    """The fast path (batches) against the paper's way (images one by one)."""
    images = np.random.default_rng(0).normal(size=(23, 2, 5, 5)).astype(np.float32)
    for levels in (Quantiles(0, 1), Quantiles(0.01, 0.99), Quantiles(0.0001, 0.9999)):
        single = MovingAverageQuantileObserver(levels, 0.99)
        batched = MovingAverageQuantileObserver(levels, 0.99)
        for image in images:
            single.observe(image[None])
        for start in range(0, 23, 7):
            batched.observe(images[start : start + 7])
        assert (single.low, single.high) == (batched.low, batched.high)


def test_quantiles_are_linear_between_order_statistics() -> None:
    values = np.array([[0.0, 1.0, 2.0, 3.0, 4.0]], np.float32)
    low, high = tensor_quantiles(values, Quantiles(0.1, 0.9))
    assert (low[0], high[0]) == (pytest.approx(0.4), pytest.approx(3.6))


def test_extremes_are_the_extreme_quantiles() -> None:
    values = np.random.default_rng(1).normal(size=(4, 100)).astype(np.float32)
    low, high = tensor_quantiles(values, Quantiles(0, 1))
    expected = np.quantile(values, [0, 1], axis=1)
    np.testing.assert_array_equal([low, high], expected)
