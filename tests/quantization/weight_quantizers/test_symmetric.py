"""MSE against brute force, ACIQ against numeric optimization of its expected error."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, optimize

from edgegan.quantization.grid import IntegerGrid
from edgegan.quantization.weight_quantizers import aciq, mse
from tests.quantization.weight_quantizers.weights import trained_rows


def squared_error(row: np.ndarray, scale: float, grid: IntegerGrid) -> float:
    return float(np.square(np.rint(row / scale).clip(grid.low, grid.high) * scale - row).mean())


@pytest.mark.parametrize("bits", [2, 4])
def test_mse_is_as_good_as_brute_force(bits: int) -> None:
    grid = IntegerGrid(bits, True)
    rows = trained_rows()[0][:4]
    found = mse.reach(rows, grid) / grid.high
    for row, scale in zip(rows, found, strict=True):
        candidates = np.linspace(0.001, 1, 4000) * np.abs(row).max() / grid.high
        least = min(squared_error(row, s, grid) for s in candidates)
        widest = squared_error(row, np.abs(row).max() / grid.high, grid)
        assert squared_error(row, scale, grid) <= least + 0.01 * (widest - least)


def test_mse_of_zeros() -> None:
    assert mse.reach(np.zeros((2, 3)), IntegerGrid(4, True)).tolist() == [0, 0]


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("name", ["laplace", "gauss"])
def test_aciq_is_the_minimum_of_the_expected_error(name: str, bits: int) -> None:
    """The integrals by quadrature, the minimum by search; unit b or σ."""

    def density(x: float) -> float:
        if name == "laplace":
            return math.exp(-x) / 2
        return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)

    def expected_error(a: float) -> float:
        tail, _ = integrate.quad(lambda x: (x - a) ** 2 * density(x), a, a + 40)
        return 2 * tail + a * a / (3 * 4**bits)

    best = optimize.minimize_scalar(expected_error, bounds=(0.5, 12), method="bounded")
    clip = aciq.laplace_clip(bits) if name == "laplace" else aciq.gauss_clip(bits)
    assert clip == pytest.approx(best.x, abs=2e-3)


def test_aciq_has_the_values_of_its_paper() -> None:
    laplace = [aciq.laplace_clip(bits) for bits in (2, 3, 4)]
    gauss = [aciq.gauss_clip(bits) for bits in (2, 3, 4)]
    np.testing.assert_allclose(laplace, [2.83, 3.89, 5.03], atol=0.01)
    np.testing.assert_allclose(gauss, [1.71, 2.15, 2.55], atol=0.01)


def test_aciq_tells_the_distributions_apart() -> None:
    draws = np.random.default_rng(0)
    rows = np.stack([draws.laplace(scale=2.0, size=40_000), draws.normal(scale=3.0, size=40_000)])
    found = aciq.reach(rows, IntegerGrid(4, True))
    np.testing.assert_allclose(found, [5.03 * 2.0, 2.55 * 3.0], rtol=0.02)


def test_aciq_never_reaches_beyond_the_weights() -> None:
    rows = np.array([[0.5, -0.5, 0.5, 0.5]])
    assert aciq.reach(rows, IntegerGrid(8, True)) == [0.5]
