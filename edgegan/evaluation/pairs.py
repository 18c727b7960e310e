"""Metrics of pictures one by one: PSNR, SSIM and LPIPS, and the scores of each picture."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgegan.errors import LackingError
from edgegan.evaluation.material import Material, watched
from edgegan.evaluation.networks import perceptual_distance
from edgegan.evaluation.pictures import Pictures, fitted
from edgegan.evaluation.score import Interval, Number, Score
from edgegan.metrics.bootstrap import confidence_interval
from edgegan.metrics.extractor import Images
from edgegan.metrics.psnr import check_pairs, psnr_of_error
from edgegan.metrics.ssim import SMALLEST, ssim
from edgegan.progress import Event

Compare = Callable[[Images, Images], NDArray[np.float64]]
"""Images and references ``[N, C, H, W]`` to one number each, ``[N]``."""

_DIVERSITY_IMAGES = 500


def compare_pairs(
    material: Material, metric: str, compare: Compare, measured: Pictures, original: Pictures
) -> NDArray[np.float64]:
    """``compare`` of all pairs, ``[N]``."""
    stage, start = f"{metric} of {measured.label}", time.perf_counter()
    pairs = zip(watched(measured, material.listen, stage)(), original.batches(), strict=True)
    values = np.concatenate([compare(a, b) for a, b in pairs])
    material.listen(Event(stage, seconds=time.perf_counter() - start))
    return values


def squared_errors(images: Images, references: Images) -> NDArray[np.float64]:
    """Mean squared error of each pair."""
    check_pairs(images, references)
    squares = np.square(images.astype(np.float64) - references)
    errors: NDArray[np.float64] = squares.mean((1, 2, 3))
    return errors


def _psnr(material: Material) -> Score:
    original = material.need_original("psnr")
    span = material.measured.value_range
    errors = compare_pairs(material, "psnr", squared_errors, material.measured, original)
    low, high = _interval(material, errors)
    between = (psnr_of_error(high, span), psnr_of_error(max(low, 0.0), span))
    numbers = {
        "psnr": Number(psnr_of_error(float(errors.mean()), span), between),
        "psnr.worst": Number(psnr_of_error(float(errors.max()), span)),
    }
    return _of_pixels("psnr", material, numbers, original, "dB, of the mean squared error of all")


def _ssim(material: Material) -> Score:
    original = material.need_original("ssim")
    if min(material.measured.take(np.arange(1)).shape[2:]) < SMALLEST:
        raise LackingError(f"ssim needs pictures of at least {SMALLEST}x{SMALLEST}; use psnr.")
    span = material.measured.value_range
    values = compare_pairs(
        material, "ssim", lambda a, b: ssim(a, b, span), material.measured, original
    )
    numbers = {
        "ssim": Number(float(values.mean()), _interval(material, values)),
        "ssim.worst": Number(float(values.min())),
    }
    return _of_pixels("ssim", material, numbers, original, "mean of the pictures")


def _lpips(material: Material) -> Score:
    """Distance to the original, and how different pictures of one class are, of both."""
    network = material.need_network()
    distance = perceptual_distance(network)
    original = material.need_original("lpips")
    measured, before = (
        fitted(side, network.description)[0] for side in (material.measured, original)
    )
    values = compare_pairs(material, "lpips", distance.pairs, measured, before)
    numbers = {
        "lpips": Number(float(values.mean()), _interval(material, values)),
        "lpips.worst": Number(float(values.max())),
        "lpips.diversity": Number(
            _diversity(material, distance, measured), None, _diversity(material, distance, before)
        ),
    }
    note = "uniform weights; compares with no other network's"
    of, against, features = material.measured, original.label, material.recorded()
    return Score("lpips", of.label, numbers, of.count, material.seed, against, features, note)


def _diversity(material: Material, distance: Any, pictures: Pictures) -> float:
    count = min(pictures.count, _DIVERSITY_IMAGES)
    labels = np.zeros(count, np.int64) if pictures.labels is None else pictures.labels[:count]
    shown = np.flatnonzero(np.bincount(labels)[labels] > 1)  # a class of one picture has no pairs
    if not len(shown):
        return float("nan")
    images = pictures.take(shown)
    return float(distance.diversity(images, labels[shown], seed=material.seed).value)


def _interval(material: Material, values: NDArray[np.float64]) -> Interval:
    """Of the mean: of scores that are there already, resampling costs nothing."""
    found = confidence_interval(lambda chosen: float(chosen.mean()), [values], seed=material.seed)
    return (found.low, found.high)


def _of_pixels(
    metric: str, material: Material, numbers: dict[str, Number], original: Pictures, note: str
) -> Score:
    of = material.measured
    return Score(metric, of.label, numbers, of.count, material.seed, original.label, None, note)


PAIR_METRICS: dict[str, Callable[[Material], Score]] = {
    "lpips": _lpips,
    "psnr": _psnr,
    "ssim": _ssim,
}
