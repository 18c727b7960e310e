"""Min-max: levels evenly from a row's lowest to its highest weight (QGAN, Wang et al. 2019, equation 3).

f(w) = (w - min) / (max - min) · (2^k - 1)
"""

from __future__ import annotations

import numpy as np

from edgegan.quantization.weight_quantizers.levels import Levels, Rows


def levels(rows: Rows, bits: int) -> Levels:
    """``2^bits`` levels; a row of equal weights has them all there."""
    steps = (1 << bits) - 1
    low, high = rows.min(1, keepdims=True), rows.max(1, keepdims=True)
    return Levels(low + (high - low) * np.arange(steps + 1) / steps)
