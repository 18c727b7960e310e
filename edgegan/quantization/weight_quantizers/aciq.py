"""ACIQ: clipping where a Gauss or Laplace distribution has the least mean squared error.

Banner et al. 2018 (arXiv 1810.05723), section 4: what is clipped at α costs 2·∫_α (w - α)² p(w) dw, and
rounding within ±α to 2^k levels α² / (3·4^k). Where the sum of both is least, its derivative is zero:

    α / (3·4^k) = 2·∫_α (w - α) p(w) dw      Laplace: α = b·W(3·4^k), W being Lambert's function
"""

from __future__ import annotations

import math

import numpy as np

from edgegan.quantization.grid import IntegerGrid
from edgegan.quantization.weight_quantizers.levels import Rows


def laplace_clip(bits: int) -> float:
    """α / b, by Newton's method for ``a + log(a) = log(3·4^bits)``."""
    target = math.log(3.0 * 4.0**bits)
    a = target
    for _ in range(20):
        a -= (a + math.log(a) - target) / (1.0 + 1.0 / a)
    return a


def gauss_clip(bits: int) -> float:
    """α / σ, by bisection."""
    low, high = 0.0, 10.0
    for _ in range(60):
        a = (low + high) / 2
        tail = math.exp(-a * a / 2) / math.sqrt(2 * math.pi) - a * math.erfc(a / math.sqrt(2)) / 2
        low, high = (a, high) if a / (3.0 * 4.0**bits) < 2 * tail else (low, a)
    return (low + high) / 2


def reach(rows: Rows, grid: IntegerGrid) -> Rows:
    """Value of the grid's highest integer for each row, ``[R]``; at most its largest magnitude.

    Distributions are centred at zero, as the grid is; each row takes the one under which it is likelier.
    """
    magnitudes = np.abs(rows)
    b = magnitudes.mean(1)
    sigma = np.sqrt(np.square(rows).mean(1))
    # mean negative log-likelihoods: log(2b) + 1 and log(σ·√(2πe))
    is_laplace = 2 * math.e * b < sigma * math.sqrt(2 * math.pi * math.e)
    clip = np.where(is_laplace, laplace_clip(grid.bits) * b, gauss_clip(grid.bits) * sigma)
    smaller: Rows = np.minimum(clip, magnitudes.max(1))
    return smaller
