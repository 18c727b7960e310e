"""EM against its definition: the error never grows, and beats min-max on trained weights."""

from __future__ import annotations

import numpy as np
import pytest

from edgegan.quantization.weight_quantizers import em
from edgegan.quantization.weight_quantizers.choose import fit_codebook
from tests.quantization.weight_quantizers.weights import error, trained_rows


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
def test_the_error_never_grows(bits: int) -> None:
    for rows in trained_rows():
        errors = em.fit(rows, bits).errors
        assert len(errors) == (17 if bits < 4 else 33)
        assert (np.diff(errors, axis=0) <= 1e-12 * errors[0]).all()
        assert (errors[-1] < errors[0]).mean() > 0.9


def test_two_points_at_one_bit_are_met_exactly() -> None:
    """A weight of two values has them as its levels, whatever their shares."""
    rows = np.array([[-0.3, 0.7, 0.7, 0.7], [2.0, 5.0, 2.0, 5.0]])
    found = em.fit(rows, 1)
    np.testing.assert_allclose(found.beta, [-0.3, 2.0])
    np.testing.assert_allclose(found.alpha, [1.0, 3.0])


def test_one_bit_by_hand() -> None:
    """Split at the middle of the range; each level is the mean of its side; no weight changes sides."""
    rows = np.array([[-3.0, -1.0, 1.0, 1.0, 2.0]])
    found = em.fit(rows, 1)
    np.testing.assert_allclose(found.beta, [-2.0])
    np.testing.assert_allclose(found.beta + found.alpha, [4.0 / 3.0])


def test_a_step_is_least_squares() -> None:
    """Equation 10 against NumPy's regression of w on z."""
    rows = np.random.default_rng(0).laplace(size=(1, 500))
    found = em.fit(rows, 3)
    z = np.rint((rows - found.beta) / found.alpha).clip(0, 7)
    alpha, beta = np.polyfit(z[0], rows[0], 1)
    # converged: the next step changes little
    np.testing.assert_allclose([found.alpha[0], found.beta[0]], [alpha, beta], rtol=0.05)


def test_a_constant_row_is_met() -> None:
    found = em.levels(np.full((2, 7), 0.25), 4)
    np.testing.assert_allclose(found.values[:, 0], 0.25)


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_beats_min_max_on_trained_weights(bits: int) -> None:
    for rows in trained_rows():
        by_em, by_min_max = (
            error(fit_codebook(name, rows, bits, 8), rows) for name in ("em", "min-max")
        )
        assert by_em < 0.9 * by_min_max
