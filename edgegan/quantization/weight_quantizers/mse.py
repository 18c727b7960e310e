"""MSE: the symmetric grid of the least mean squared error, by search over its scale."""

from __future__ import annotations

import numpy as np

from edgegan.quantization.grid import IntegerGrid
from edgegan.quantization.weight_quantizers.levels import Rows

_COARSE, _FINE = 100, 21


def reach(rows: Rows, grid: IntegerGrid) -> Rows:
    """Value of the grid's highest integer for each row, ``[R]``.

    The error has many small valleys: hundredths of the largest magnitude are tried first, then
    thousandths around the best.
    """
    largest = np.abs(rows).max(1)
    coarse = _best(rows, grid, largest[:, None] * np.arange(1, _COARSE + 1) / _COARSE)
    around = largest[:, None] * np.linspace(-1, 1, _FINE) / _COARSE
    return _best(rows, grid, (coarse[:, None] + around).clip(0.0, largest[:, None]))


def _best(rows: Rows, grid: IntegerGrid, candidates: Rows) -> Rows:
    errors = np.stack([_error(rows, grid, column) for column in candidates.T], 1)
    return np.take_along_axis(candidates, errors.argmin(1)[:, None], 1)[:, 0]


def _error(rows: Rows, grid: IntegerGrid, reaches: Rows) -> Rows:
    scale = np.where(reaches > 0, reaches / grid.high, 1.0)[:, None]
    integers = np.rint(rows / scale).clip(grid.low, grid.high)
    error: Rows = np.square(rows - integers * scale).mean(1)
    return error
