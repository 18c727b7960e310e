"""EM: evenly spaced levels ``α·z + β``, fitted to the weights (QGAN, Wang et al. 2019, equations 6-10).

    z = clamp(rint((w - β) / α), 0, 2^k - 1)                     expectation, equation 8
    α = (E[w z] - E[w] E[z]) / (E[z²] - E[z]²),  β = E[w] - α E[z]   maximization, equation 10

Each step minimizes the mean squared error over what it sets, so the error never grows. The paper says
nothing of the start; here it is min-max.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgegan.quantization.weight_quantizers.levels import Levels, Rows


@dataclass(frozen=True)
class Fit:
    """Result of the iterations.

    Attributes:
        alpha, beta: float64 ``[R]``.
        errors: float64 ``[iterations + 1, R]``: mean squared error at the start and behind each iteration.
    """

    alpha: Rows
    beta: Rows
    errors: Rows


def iterations_for(bits: int) -> int:
    """Section 5.1: 32 at 4 bits, 16 at fewer; above 4 bits, which the paper leaves out, 32."""
    return 16 if bits < 4 else 32


def fit(rows: Rows, bits: int) -> Fit:
    """Iterate from min-max."""
    highest = (1 << bits) - 1
    beta = rows.min(1, keepdims=True)
    alpha = (rows.max(1, keepdims=True) - beta) / highest
    errors = [_error(rows, _expect(rows, alpha, beta, highest), alpha, beta)]
    for _ in range(iterations_for(bits)):
        z = _expect(rows, alpha, beta, highest)
        alpha, beta = _maximize(rows, z, alpha, beta)
        errors.append(_error(rows, _expect(rows, alpha, beta, highest), alpha, beta))
    return Fit(alpha[:, 0], beta[:, 0], np.stack(errors))


def levels(rows: Rows, bits: int) -> Levels:
    """``2^bits`` levels."""
    found = fit(rows, bits)
    return Levels(found.beta[:, None] + found.alpha[:, None] * np.arange(1 << bits))


def _expect(rows: Rows, alpha: Rows, beta: Rows, highest: int) -> Rows:
    units = (rows - beta) / np.where(alpha > 0, alpha, 1.0)
    return np.rint(units).clip(0, highest)


def _maximize(rows: Rows, z: Rows, alpha: Rows, beta: Rows) -> tuple[Rows, Rows]:
    """Least squares; a row whose weights all have one level keeps its step and moves that level."""
    mean_w, mean_z = rows.mean(1, keepdims=True), z.mean(1, keepdims=True)
    variance = np.square(z - mean_z).mean(1, keepdims=True)
    covariance = ((rows - mean_w) * (z - mean_z)).mean(1, keepdims=True)
    spread = variance > 0
    alpha = np.where(spread, covariance / np.where(spread, variance, 1.0), alpha)
    return alpha, mean_w - alpha * mean_z


def _error(rows: Rows, z: Rows, alpha: Rows, beta: Rows) -> Rows:
    error: Rows = np.square(rows - alpha * z - beta).mean(1)
    return error
