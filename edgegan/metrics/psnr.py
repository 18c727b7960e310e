"""Peak signal-to-noise ratio of images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def psnr(
    image: NDArray[np.float32], reference: NDArray[np.float32], value_range: tuple[float, float]
) -> float:
    """10·log10(range² / mean squared error) in dB; infinite for equal images."""
    return psnr_of_error(float(np.square(image.astype(np.float64) - reference).mean()), value_range)


def psnr_of_error(mean_square: float, value_range: tuple[float, float]) -> float:
    """As ``psnr``, from a mean squared error."""
    if mean_square == 0.0:
        return float("inf")
    return float(10 * np.log10((value_range[1] - value_range[0]) ** 2 / mean_square))
