"""Grids: parameters from ranges, and the properties that everything relies on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegan.quantization.grid import (
    IntegerGrid,
    affine_parameters,
    dequantize,
    quantize,
    symmetric_scales,
)

finite = st.floats(-1e4, 1e4, width=32)


@pytest.mark.parametrize(
    ("bits", "signed", "low", "high"),
    [
        (8, False, 0, 255),
        (8, True, -128, 127),
        (4, True, -8, 7),
        (2, True, -2, 1),
        (4, False, 0, 15),
    ],
)
def test_integers(bits: int, signed: bool, low: int, high: int) -> None:
    grid = IntegerGrid(bits, signed)
    assert (grid.low, grid.high) == (low, high)


def test_affine_by_hand() -> None:
    """[-1, 3] over 0..255: step 4/255, zero at 63.75, rounded to 64."""
    scale, zero_point = affine_parameters(-1.0, 3.0, IntegerGrid(8, False))
    assert scale == np.float32(4 / 255)
    assert zero_point == 64


def test_relu_range_has_zero_point_zero() -> None:
    assert affine_parameters(0.3, 5.0, IntegerGrid(8, False)) == (np.float32(5 / 255), 0)


def test_empty_range() -> None:
    assert affine_parameters(0.0, 0.0, IntegerGrid(8, False)) == (np.float32(1.0), 0)


@given(finite, finite, st.sampled_from([2, 4, 8]), st.booleans())
def test_zero_is_on_every_affine_grid(a: float, b: float, bits: int, signed: bool) -> None:
    grid = IntegerGrid(bits, signed)
    scale, zero_point = affine_parameters(min(a, b), max(a, b), grid)
    assert scale > 0
    assert grid.low <= zero_point <= grid.high
    zero = np.zeros(1, np.float32)
    integers = quantize(zero, np.asarray(scale), np.asarray(zero_point, np.int64), grid)
    back = dequantize(integers, np.asarray(scale), np.asarray(zero_point, np.int64), grid)
    assert back[0] == 0.0


@given(st.lists(finite, min_size=2, max_size=20), st.sampled_from([2, 4, 8]))
def test_error_is_at_most_half_a_step_inside_the_range(values: list[float], bits: int) -> None:
    grid = IntegerGrid(bits, False)
    x = np.array(values, np.float32)
    scale, zero_point = affine_parameters(float(x.min()), float(x.max()), grid)
    s, z = np.asarray(scale), np.asarray(zero_point, np.int64)
    integers = quantize(x, s, z, grid)
    assert integers.min() >= grid.low and integers.max() <= grid.high
    error = np.abs(dequantize(integers, s, z, grid) - x)
    # half a step for rounding, and half a step more where the rounded zero point shifts the ends
    assert (error <= scale * np.float32(1.0 + 1e-4)).all()
    again = quantize(dequantize(integers, s, z, grid), s, z, grid)
    np.testing.assert_array_equal(again, integers)


def test_symmetric_by_hand() -> None:
    low, high = np.array([-2.0, -0.5, 0.0]), np.array([1.0, 0.7, 0.0])
    scale = symmetric_scales(low, high, IntegerGrid(4, True, 0))
    np.testing.assert_allclose(scale, [2 / 7, 0.7 / 7, 2 / 7], rtol=1e-6)


def test_half_to_even() -> None:
    x = np.array([0.5, 1.5, 2.5, -0.5], np.float32)
    one, zero = np.ones((), np.float32), np.zeros((), np.int64)
    np.testing.assert_array_equal(quantize(x, one, zero, IntegerGrid(8, True)), [0, 2, 2, 0])
