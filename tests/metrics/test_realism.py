"""Realism scores against brute force, and the worst cases they name."""

from __future__ import annotations

import numpy as np
import pytest

from edgegan.metrics.realism import realism, realism_scores
from edgegan.metrics.worst_case import Case, worst_cases
from tests.metrics import references
from tests.metrics.references import clusters


@pytest.mark.parametrize("k", [1, 3])
def test_brute_force_both_ways(k: int) -> None:
    generated, real = clusters(0, 90) * np.float32(1.1), clusters(1, 110)
    found = realism(generated, real, k)
    np.testing.assert_allclose(found.precision, references.realism(generated, real, k), rtol=1e-9)
    np.testing.assert_allclose(found.recall, references.realism(real, generated, k), rtol=1e-9)
    assert (found.precision.shape, found.recall.shape) == ((90,), (110,))


def test_an_image_of_the_reference_is_as_real_as_can_be() -> None:
    real = clusters(0, 60)
    radii = references.radii(real, 3)
    smallest = int(radii.argmin())
    images = np.concatenate([clusters(1, 5), real[smallest][None]])
    scores = realism_scores(images, real)
    assert np.isinf(scores[5])
    assert np.isfinite(scores[:5]).all()


def test_near_repeats_are_measured_in_float64() -> None:
    """A distance of 1e-4 at a norm of 30 is below float32's rounding of the product."""
    real = clusters(0, 60) + 10
    smallest = int(references.radii(real, 3).argmin())
    image = real[smallest].astype(np.float64) + 1e-4
    images = np.stack([image, real.mean(0), real.mean(0) + 1, real.mean(0) - 1])
    np.testing.assert_allclose(
        realism_scores(images, real), references.realism(images, real, 3), rtol=1e-9
    )


@pytest.mark.filterwarnings("error")
def test_a_collapsed_generator() -> None:
    """Balls of radius 0 hold nothing but their centre."""
    real, collapsed = clusters(0, 50), clusters(1, 1).repeat(40, 0)
    found = realism(collapsed, real)
    assert not found.recall.any()
    np.testing.assert_allclose(found.precision, references.realism(collapsed, real, 3), rtol=1e-9)
    assert np.isinf(realism_scores(collapsed, collapsed)).all()


def test_noise_makes_images_less_real() -> None:
    real, same = clusters(0, 300), clusters(1, 300)
    noise = np.random.default_rng(0).normal(size=same.shape).astype(np.float32)
    medians = [float(np.median(realism_scores(same + s * noise, real))) for s in (0, 0.5, 1, 2)]
    assert medians == sorted(medians, reverse=True)
    assert medians[-1] < 0.7 * medians[0]


def test_worst_cases() -> None:
    scores = np.array([3.0, 1.0, np.inf, 1.0, np.nan, 2.0])
    assert [case.index for case in worst_cases(scores, 4)] == [4, 1, 3, 5]
    assert worst_cases(scores[[0, 1, 5]], 9, high_is_bad=True) == [
        Case(0, 3.0), Case(2, 2.0), Case(1, 1.0),
    ]  # fmt: skip
    assert [c.index for c in worst_cases(scores, 3, high_is_bad=True)] == [4, 2, 0]
