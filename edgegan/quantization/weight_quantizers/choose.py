"""Which function a recipe's ``quantization.weight_quantizer`` names."""

from __future__ import annotations

from collections.abc import Callable

from edgegan.quantization.grid import IntegerGrid
from edgegan.quantization.weight_quantizers import aciq, em, log, min_max, mse, tanh
from edgegan.quantization.weight_quantizers.levels import Codebook, Levels, Rows, to_codebook

SYMMETRIC: dict[str, Callable[[Rows, IntegerGrid], Rows]] = {"mse": mse.reach, "aciq": aciq.reach}
"""Grids of one step, with a zero: the value of their highest integer."""

LEVELS: dict[str, Callable[[Rows, int], Levels]] = {
    "min-max": min_max.levels,
    "log": log.levels,
    "tanh": tanh.levels,
    "em": em.levels,
}


def fit_codebook(quantizer: str, rows: Rows, bits: int, kernel_bits: int) -> Codebook:
    """A codebook of ``2^bits`` integers.

    Args:
        quantizer: a key of ``LEVELS``.
        rows: float64 ``[R, n]``.
        kernel_bits: of the integers that kernels multiply with.
    """
    return to_codebook(LEVELS[quantizer](rows, bits), rows, kernel_bits)
