"""Log: a sign, and magnitudes evenly on a logarithmic scale (QGAN, Wang et al. 2019, equation 4).

    f(w) = min-max(log(|w| + ε))

The equation leaves the sign out. At 2 bits the paper finds two of four states at ±ε, and nothing but ±ε
at 1 bit: so one bit is the sign, and k - 1 bits are the magnitude. For ε it has no value.
"""

from __future__ import annotations

import numpy as np

from edgegan.quantization.weight_quantizers.levels import Levels, Rows

EPSILON = 1e-8
"""Far below any weight that matters; a magnitude of 0 stays 0 under ``f``'s inverse."""


def levels(rows: Rows, bits: int) -> Levels:
    """``2^(bits - 1)`` magnitudes from the smallest to the largest, with both signs.

    Weights are rounded on the logarithmic scale: thresholds are geometric means.
    """
    steps = (1 << (bits - 1)) - 1
    logs = np.log(np.abs(rows) + EPSILON)
    low, high = logs.min(1, keepdims=True), logs.max(1, keepdims=True)
    places = low + (high - low) * np.arange(steps + 1) / steps
    between = low + (high - low) * (np.arange(steps) + 0.5) / steps
    magnitudes = (np.exp(places) - EPSILON).clip(0.0)
    thresholds = (np.exp(between) - EPSILON).clip(0.0)
    zero = np.zeros((len(rows), 1))
    return Levels(
        np.concatenate([-magnitudes[:, ::-1], magnitudes], 1),
        np.concatenate([-thresholds[:, ::-1], zero, thresholds], 1),
    )
