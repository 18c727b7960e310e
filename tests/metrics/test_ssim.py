"""SSIM and PSNR against scikit-image, image by image."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgegan.errors import DataError
from edgegan.metrics.psnr import psnr_per_image
from edgegan.metrics.ssim import ssim

RANGE = (-1.0, 1.0)


def pictures(seed: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Smooth pictures: sums of waves."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[2], : shape[3]] / shape[2]
    f, g, phase = random.uniform(0, 20, (3, *shape[:2], 1, 1))
    return np.sin(f * x + g * y + phase).astype(np.float32)


def noisy(images: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    noise = np.random.default_rng(5).normal(0, deviation, images.shape)
    return np.clip(images + noise, *RANGE).astype(np.float32)


@pytest.mark.parametrize("shape", [(3, 1, 32, 32), (2, 3, 24, 40), (2, 3, 11, 11)])
def test_scikit_image(shape: tuple[int, ...]) -> None:
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed")
    references = pictures(0, shape)
    images = noisy(references, 0.2)
    expected = [
        metrics.structural_similarity(
            a.astype(np.float64), b.astype(np.float64), data_range=2.0, channel_axis=0,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )
        for a, b in zip(images, references, strict=True)
    ]  # fmt: skip
    np.testing.assert_allclose(ssim(images, references, RANGE), expected, rtol=1e-6)
    expected = [
        metrics.peak_signal_noise_ratio(b.astype(np.float64), a.astype(np.float64), data_range=2.0)
        for a, b in zip(images, references, strict=True)
    ]
    np.testing.assert_allclose(psnr_per_image(images, references, RANGE), expected, rtol=1e-6)


def test_equal_images() -> None:
    images = pictures(0, (2, 1, 16, 16))
    np.testing.assert_allclose(ssim(images, images, RANGE), 1.0, rtol=1e-12)
    assert np.isinf(psnr_per_image(images, images, RANGE)).all()


def test_noise_and_blur_cost_similarity() -> None:
    images = noisy(pictures(0, (2, 3, 32, 32)), 0.1)
    blurred = (images + np.roll(images, 1, 2) + np.roll(images, 1, 3)) / np.float32(3)
    for metric in (ssim, psnr_per_image):
        values = [metric(noisy(images, d), images, RANGE).mean() for d in (0.02, 0.1, 0.4)]
        assert values == sorted(values, reverse=True)
        assert metric(blurred, images, RANGE).mean() < values[0]


def test_what_is_refused() -> None:
    with pytest.raises(DataError, match="11x11"):
        ssim(np.zeros((1, 1, 10, 32), np.float32), np.zeros((1, 1, 10, 32), np.float32), RANGE)
    with pytest.raises(DataError, match="one by one"):
        psnr_per_image(
            np.zeros((1, 1, 4, 4), np.float32), np.zeros((2, 1, 4, 4), np.float32), RANGE
        )
