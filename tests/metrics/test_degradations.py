"""Every metric moves in the right direction when pictures are blurred, made noisy, or lose modes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from edgegan.metrics.density_coverage import density_coverage
from edgegan.metrics.extractor import FeatureDescription, FunctionExtractor, collect_features
from edgegan.metrics.features import split_batches
from edgegan.metrics.fid import frechet_feature_distance, qfid
from edgegan.metrics.inception_score import inception_score, softmax
from edgegan.metrics.kid import kernel_distance
from edgegan.metrics.lpips import PerceptualDistance
from edgegan.metrics.precision_recall import precision_recall
from edgegan.metrics.psnr import psnr_per_image
from edgegan.metrics.realism import realism
from edgegan.metrics.ssim import ssim

Images = NDArray[np.float32]
RANGE = (-1.0, 1.0)
COUNT = 240
FREQUENCIES = (2, 3, 5, 7)


def stripes(seed: int, modes: int = 4) -> Images:
    """Stripes of four widths, at random angles near the upright and random phases."""
    random = np.random.default_rng(seed)
    frequency = np.array(FREQUENCIES)[random.integers(0, modes, COUNT)]
    angle, phase = random.normal(0, 0.1, COUNT), random.uniform(0, 2 * np.pi, COUNT)
    y, x = np.mgrid[:16, :16] / 16
    place = x * np.cos(angle)[:, None, None] + y * np.sin(angle)[:, None, None]
    waves = np.sin(2 * np.pi * frequency[:, None, None] * place + phase[:, None, None])
    return (0.9 * waves[:, None]).astype(np.float32)


def blurred(images: Images) -> Images:
    for axis in (2, 3):
        images = (np.roll(images, 1, axis) + images + np.roll(images, -1, axis)) / np.float32(3)
    return images


def noisy(images: Images) -> Images:
    noise = np.random.default_rng(9).normal(0, 0.4, images.shape)
    return np.clip(images + noise, *RANGE).astype(np.float32)


def spectrum(images: Images) -> NDArray[np.float32]:
    """Energy by horizontal frequency, and that of the vertical differences."""
    rows = np.abs(np.fft.rfft(images[:, 0], axis=2)).mean(1) / 8
    rough = np.abs(np.diff(images[:, 0], axis=1)).mean((1, 2))[:, None]
    return np.concatenate([rows, rough], 1).astype(np.float32)


EXTRACTOR = FunctionExtractor(FeatureDescription("spectrum", 10, 1), "0", spectrum)


def features(images: Images) -> NDArray[np.float32]:
    return collect_features(EXTRACTOR, split_batches(images, 100))


def classes(images: Images) -> NDArray[np.float64]:
    """How sure one is of the width of the stripes."""
    return softmax(10 * features(images)[:, FREQUENCIES])


REAL, MADE = stripes(0), stripes(1)
DEGRADED: dict[str, Images] = {
    "blur": blurred(MADE), "noise": noisy(MADE), "dropped modes": stripes(1, modes=1)
}  # fmt: skip

LOWER_IS_BETTER: dict[str, Callable[[Images], float]] = {
    "fid": lambda x: frechet_feature_distance(features(x), features(REAL)),
    "kid": lambda x: kernel_distance(features(x), features(REAL), 20, 100).value,
    "qfid": lambda x: qfid(features(MADE), features(x)),
}
OF_QUALITY: dict[str, Callable[[Images], float]] = {
    "precision": lambda x: precision_recall(features(x), features(REAL)).precision,
    "density": lambda x: density_coverage(features(x), features(REAL)).density,
    "realism": lambda x: float(np.median(realism(features(x), features(REAL)).precision)),
}
OF_DIVERSITY: dict[str, Callable[[Images], float]] = {
    "recall": lambda x: precision_recall(features(x), features(REAL)).recall,
    "coverage": lambda x: density_coverage(features(x), features(REAL)).coverage,
    "realism of recall": lambda x: float(np.median(realism(features(x), features(REAL)).recall)),
    "inception score": lambda x: inception_score(classes(x)).value,
}
OF_PAIRS: dict[str, Callable[[Images], float]] = {
    "psnr": lambda x: psnr_per_image(x, MADE, RANGE).mean(),
    "ssim": lambda x: ssim(x, MADE, RANGE).mean(),
    "lpips": lambda x: -PerceptualDistance("x", lambda t: [t, t.diff(dim=2)]).pairs(x, MADE).mean(),
}


@pytest.mark.parametrize("name", LOWER_IS_BETTER)
@pytest.mark.parametrize("degradation", DEGRADED)
def test_distances_grow(name: str, degradation: str) -> None:
    distance = LOWER_IS_BETTER[name]
    assert distance(DEGRADED[degradation]) > 2 * abs(distance(MADE)) + 1e-3


@pytest.mark.parametrize("name", OF_QUALITY)
@pytest.mark.parametrize("degradation", ["blur", "noise"])
def test_quality_falls(name: str, degradation: str) -> None:
    assert OF_QUALITY[name](DEGRADED[degradation]) < 0.8 * OF_QUALITY[name](MADE)


@pytest.mark.parametrize("name", OF_DIVERSITY)
def test_diversity_falls(name: str) -> None:
    assert OF_DIVERSITY[name](DEGRADED["dropped modes"]) < 0.8 * OF_DIVERSITY[name](MADE)


@pytest.mark.parametrize("name", OF_PAIRS)
@pytest.mark.parametrize("degrade", [blurred, noisy])
def test_pairs_come_apart(name: str, degrade: Callable[[Images], Images]) -> None:
    once = degrade(MADE)
    metric = OF_PAIRS[name]
    slightly = ((once + 3 * MADE) / 4).astype(np.float32)
    assert metric(once) < metric(slightly) < metric(MADE)
