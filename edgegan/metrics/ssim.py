"""Structural similarity of images.

Wang et al. 2004, "Image Quality Assessment: From Error Visibility to Structural Similarity": Gaussian
window of 11x11 and a deviation of 1.5, K1 = 0.01, K2 = 0.03; averaged over the places where the whole
window lies in the image, and over the channels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgegan.errors import DataError
from edgegan.metrics.psnr import check_pairs

_RADIUS = 5
_WINDOW = np.exp(-0.5 * (np.arange(-_RADIUS, _RADIUS + 1) / 1.5) ** 2)
_WINDOW /= _WINDOW.sum()
SMALLEST = len(_WINDOW)
"""Side of the window, and so of the smallest image."""
_K1, _K2 = 0.01, 0.03


def ssim(
    images: NDArray[np.float32], references: NDArray[np.float32], value_range: tuple[float, float]
) -> NDArray[np.float64]:
    """Similarity of each image to its reference, float64 ``[N]``; 1 for equal ones.

    Args:
        images, references: float32 ``[N, C, H, W]`` in ``value_range``.

    Raises:
        DataError: if the shapes differ, or the images are smaller than the window.
    """
    check_pairs(images, references)
    if min(images.shape[2:]) < SMALLEST:
        raise DataError(
            f"SSIM needs images of at least {SMALLEST}x{SMALLEST} pixels, not "
            f"{images.shape[2]}x{images.shape[3]}; use PSNR."
        )
    pairs = zip(images, references, strict=True)
    return np.array([_similarity(a, b, value_range[1] - value_range[0]) for a, b in pairs])


def _similarity(a: NDArray[np.float32], b: NDArray[np.float32], span: float) -> float:
    x, y = a.astype(np.float64), b.astype(np.float64)
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x, variance_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = (_K1 * span) ** 2, (_K2 * span) ** 2
    above = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    below = (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    return float((above / below).mean())


def _blur(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means under the window, ``[C, H, W]`` to ``[C, H - 10, W - 10]``."""
    for axis in (1, 2):
        length = image.shape[axis] - SMALLEST + 1
        parts = (np.take(image, np.arange(i, i + length), axis) for i in range(SMALLEST))
        image = sum((w * p for w, p in zip(_WINDOW, parts, strict=True)), start=np.zeros(()))
    return image
