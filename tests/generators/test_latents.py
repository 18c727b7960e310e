"""Latents: the same on every machine and for every batch size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgegan.generators.contract import InputSpec
from edgegan.generators.latents import RANGES, draw, sample


def test_a_sample_does_not_depend_on_how_many() -> None:
    many = sample("normal", (7,), 700, seed=3)
    np.testing.assert_array_equal(sample("normal", (7,), 5, seed=3), many[:5])
    assert many.dtype == np.float32 and many.shape == (700, 7)


def test_seeds_and_names_are_independent() -> None:
    base = sample("normal", (4,), 50, 0)
    for other in (sample("normal", (4,), 50, 1), sample("normal", (4,), 50, 0, "noise")):
        assert abs(np.corrcoef(base.ravel(), other.ravel())[0, 1]) < 0.25


def test_laws() -> None:
    normal = sample("normal", (10,), 5000, 0)
    assert abs(normal.mean()) < 0.02 and abs(normal.std() - 1) < 0.02
    uniform = sample("uniform", (10,), 5000, 0)
    assert uniform.min() >= -1 and uniform.max() < 1 and abs(uniform.std() - 3**-0.5) < 0.02
    with pytest.raises(ValueError, match="known laws"):
        sample("cauchy", (1,), 1, 0)
    assert sample("normal", (3,), 0, 0).shape == (0, 3)


def test_the_normal_range_minimizes_the_error_of_8_bits() -> None:
    x = np.random.default_rng(0).normal(size=2_000_000)

    def error(reach: float) -> float:
        step = 2 * reach / 255
        return float(np.square(np.clip(np.rint(x / step) * step, -reach, reach) - x).mean())

    best = error(RANGES["normal"][1])
    assert all(best <= error(reach) for reach in (3.4, 3.6, 4.2, 4.4, 5.0))


def test_pinned_values() -> None:
    """Recorded once: a change here changes every published number."""
    values = sample("normal", (3,), 1, 0)[0]
    np.testing.assert_allclose(values, PINNED, rtol=1e-6)


PINNED = np.array([-1.33358276, -0.87650973, 0.07773930], np.float32)


def test_labels_are_uniform_and_leave_the_latents_alone() -> None:
    spec = InputSpec(name="label", law="classes", classes=10)
    labels = draw(spec, 5000, 0)
    assert labels.dtype == np.int64 and labels.shape == (5000,)
    np.testing.assert_array_equal(draw(spec, 7, 0), labels[:7])
    counts = np.bincount(labels, minlength=10)
    assert len(counts) == 10 and np.abs(counts - 500).max() < 5 * 500**0.5
    assert draw(InputSpec(name="y", shape=(3,), law="classes", classes=2), 4, 0).shape == (4, 3)
    latent = draw(InputSpec(shape=(3,)), 1, 0)
    np.testing.assert_allclose(latent[0], PINNED, rtol=1e-6)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"law": "classes"}, "belong together"),
        ({"shape": (3,), "classes": 3}, "belong together"),
        ({"law": "normal"}, "must have a shape"),
        ({"law": "classes", "classes": 3, "labels": ("a", "b")}, "2 names for 3 classes"),
    ],
)
def test_wrong_descriptions_of_labels(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        InputSpec(**fields)
