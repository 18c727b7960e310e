"""Tanh: levels evenly between -1 and 1 behind a tanh (QGAN, Wang et al. 2019, equation 5).

    f(w) = (tanh(w) + 1) / 2 · (2^k - 1)

The two outermost levels lie at ±∞, as the paper notes. Nothing can multiply with those: a weight that
rounds to one takes the last finite level. Usual weights are far from there.
"""

from __future__ import annotations

import numpy as np

from edgegan.quantization.weight_quantizers.levels import Levels, Rows


def levels(rows: Rows, bits: int) -> Levels:
    """``2^bits`` levels, the same for all rows; the two at each end are equal."""
    steps = (1 << bits) - 1
    finite = np.arange(steps + 1).clip(1, steps - 1)
    values = np.arctanh(2.0 * finite / steps - 1.0)
    thresholds = np.arctanh(2.0 * (np.arange(steps) + 0.5) / steps - 1.0)
    return Levels(np.tile(values, (len(rows), 1)), np.tile(thresholds, (len(rows), 1)))
