"""Min-max, log and tanh by hand; levels as integers of a scale."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgegan.quantization.weight_quantizers import log, min_max, tanh
from edgegan.quantization.weight_quantizers.choose import LEVELS, fit_codebook
from edgegan.quantization.weight_quantizers.levels import Levels, to_codebook
from tests.quantization.weight_quantizers.weights import quantized, trained_rows


def test_min_max_by_hand() -> None:
    found = min_max.levels(np.array([[-1.0, 0.1, 2.0], [4.0, 4.0, 4.0]]), 2)
    np.testing.assert_allclose(found.values, [[-1, 0, 1, 2], [4, 4, 4, 4]])
    assert found.thresholds is None


def test_log_by_hand() -> None:
    """1, 4, 16, 64 with both signs at 3 bits; thresholds are geometric means: 2, 8, 32."""
    found = log.levels(np.array([[1.0, -64.0, 3.0]]), 3)
    np.testing.assert_allclose(found.values, [[-64, -16, -4, -1, 1, 4, 16, 64]], rtol=1e-6)
    assert found.thresholds is not None
    np.testing.assert_allclose(found.thresholds, [[-32, -8, -2, 0, 2, 8, 32]], rtol=1e-6)
    row = np.array([1.9, 2.1, -7.9, -8.1, 40.0])
    actual = quantized(found.values[0], found.thresholds[0], row)
    np.testing.assert_allclose(actual, [1, 4, -4, -16, 64], rtol=1e-6)


def test_log_at_two_bits_has_two_states_next_to_zero() -> None:
    """What the paper sees: ±ε and ±max."""
    found = log.levels(np.array([[0.0, 0.1, -0.05]]), 2)
    np.testing.assert_allclose(found.values, [[-0.1, 0.0, 0.0, 0.1]], rtol=1e-6)


def test_tanh_by_hand() -> None:
    """2 bits: ±artanh(1/3), as the outer levels are infinite; every small weight goes there."""
    found = tanh.levels(np.array([[0.01, -0.02]]), 2)
    third = math.atanh(1 / 3)
    np.testing.assert_allclose(found.values, [[-third, -third, third, third]])
    assert found.thresholds is not None
    np.testing.assert_allclose(found.thresholds, [[-math.atanh(2 / 3), 0, math.atanh(2 / 3)]])
    # 3 bits: the definition itself, within the finite levels
    w = np.linspace(-1, 1, 40)
    f = np.rint((np.tanh(w) + 1) / 2 * 7)
    expected = np.arctanh(f / 7 * 2 - 1)
    found = tanh.levels(w[None], 3)
    assert found.thresholds is not None
    np.testing.assert_allclose(quantized(found.values[0], found.thresholds[0], w), expected)


@pytest.mark.parametrize("name", list(LEVELS))
@pytest.mark.parametrize("bits", [2, 4])
def test_rounding_levels_to_int8_costs_less_than_half_a_step(name: str, bits: int) -> None:
    rows = trained_rows()[1][:8]
    exact = LEVELS[name](rows, bits)
    book = to_codebook(exact, rows, 8)
    assert book.integers.shape == (8, 1 << bits)
    assert (np.diff(book.integers) >= 0).all() and np.abs(book.integers).max() <= 127
    steps = book.scale[:, None].astype(np.float64)
    indices = book.indices(rows.astype(np.float32))
    actual = np.take_along_axis(book.integers, indices, 1) * steps
    expected = np.take_along_axis(exact.values, indices, 1)
    assert (np.abs(actual - expected) <= steps * 0.5001).all()


def test_resolution_is_for_the_levels_in_use() -> None:
    """Tanh at 8 bits reaches 2.8, trained weights 0.1: 127 stands for the outermost level taken."""
    rows = np.array([[-0.1, 0.05, 0.1]])
    book = fit_codebook("tanh", rows, 8, 8)
    assert book.scale[0] * 127 == pytest.approx(math.atanh(25 / 255), rel=1e-6)


def test_thresholds_and_ties() -> None:
    book = to_codebook(Levels(np.array([[-2.0, 0.0, 2.0]])), np.array([[-2.0, 2.0]]), 2)
    assert book.integers.tolist() == [[-1, 0, 1]] and book.scale[0] == 2.0
    indices = book.indices(np.array([[-1.0, -0.99, 1.0, 1.01]], np.float32))
    assert indices.tolist() == [[0, 1, 1, 2]]


def test_a_row_of_zeros_has_a_sensible_scale() -> None:
    book = fit_codebook("em", np.array([[0.0, 0.0], [1.0, -1.0]]), 2, 8)
    assert book.scale[0] == book.scale[1] > 0
    assert (book.integers[0] == 0).all()


def test_a_wider_scale_keeps_the_levels() -> None:
    book = fit_codebook("min-max", np.array([[-1.0, 1.0]]), 2, 8)
    wide = book.widened(book.scale * np.float32(2))
    old, new = (b.integers * b.scale[:, None] for b in (book, wide))
    assert np.abs(old - new).max() <= wide.scale[0] / 2
