"""Peak signal-to-noise ratio of images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgegan.errors import DataError


def psnr(
    image: NDArray[np.float32], reference: NDArray[np.float32], value_range: tuple[float, float]
) -> float:
    """10·log10(range² / mean squared error) in dB; infinite for equal images."""
    return psnr_of_error(float(np.square(image.astype(np.float64) - reference).mean()), value_range)


def psnr_per_image(
    images: NDArray[np.float32], references: NDArray[np.float32], value_range: tuple[float, float]
) -> NDArray[np.float64]:
    """``psnr`` of each image of ``[N, C, H, W]``, float64 ``[N]``.

    Raises:
        DataError: if the shapes differ.
    """
    check_pairs(images, references)
    pairs = zip(images, references, strict=True)
    return np.array([psnr(image, reference, value_range) for image, reference in pairs])


def psnr_of_error(mean_square: float, value_range: tuple[float, float]) -> float:
    """As ``psnr``, from a mean squared error."""
    if mean_square == 0.0:
        return float("inf")
    return float(10 * np.log10((value_range[1] - value_range[0]) ** 2 / mean_square))


def check_pairs(images: NDArray[np.float32], references: NDArray[np.float32]) -> None:
    """Refuse image sets that cannot be compared image by image.

    Raises:
        DataError: unless both are ``[N, C, H, W]`` of one shape.
    """
    if images.shape != references.shape or images.ndim != 4:
        raise DataError(
            f"images of {list(images.shape)} and {list(references.shape)} cannot be compared one by one; "
            "generate both from the same inputs."
        )
