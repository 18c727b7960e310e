"""LPIPS against the authors' package on the same stages and weights, and its diversity within classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from edgegan.errors import DataError, UsageError
from edgegan.metrics.lpips import PerceptualDistance
from edgegan.metrics.squeezenet import SqueezeNet


def pictures(seed: int, count: int = 3, side: int = 64) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    return random.uniform(-1, 1, (count, 3, side, side)).astype(np.float32)


def edges(images: torch.Tensor) -> list[torch.Tensor]:
    """A network whose distances are known: the picture, and its differences."""
    return [images, images[:, :, 1:] - images[:, :, :-1]]


CHEAP = PerceptualDistance("edges", edges)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_authors_package(weighted: bool) -> None:
    lpips = pytest.importorskip("lpips", reason="lpips is not installed")
    theirs = lpips.LPIPS(net="squeeze", lpips=weighted, pnet_rand=True, verbose=False)
    weights = None
    if weighted:
        weights = [layer.model[-1].weight.detach().numpy().reshape(-1) for layer in theirs.lins]
    ours = PerceptualDistance(
        "squeeze", lambda x: list(theirs.net(theirs.scaling_layer(x))), weights
    )
    a, b = pictures(0), pictures(1)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(a), torch.from_numpy(b)).flatten().numpy()
    np.testing.assert_allclose(ours.pairs(a, b), expected, rtol=1e-5)
    assert expected.min() > 1e-3


def test_by_hand() -> None:
    """Activations (3, 4) and (4, 3): unit vectors that differ by 0.2 twice, 0.08 squared."""
    a = np.array([3, 4], np.float32).reshape(1, 2, 1, 1)
    network = PerceptualDistance("the picture", lambda x: [x])
    assert network.pairs(a, a[:, ::-1].copy())[0] == pytest.approx(0.08, rel=1e-5)
    weighted = PerceptualDistance("weighted", lambda x: [x], [np.array([1.0, 0.0], np.float32)])
    assert weighted.pairs(a, a[:, ::-1].copy())[0] == pytest.approx(0.04, rel=1e-5)


def test_batches_do_not_matter() -> None:
    a, b = pictures(0, 70, 8), pictures(1, 70, 8)
    one_by_one = [CHEAP.pairs(a[i : i + 1], b[i : i + 1])[0] for i in range(70)]
    np.testing.assert_allclose(CHEAP.pairs(a, b), one_by_one, rtol=1e-5)


def test_noise_costs_distance() -> None:
    network = PerceptualDistance("squeezenet", SqueezeNet().eval().stages)
    images, noise = pictures(0), pictures(1)
    distances = [network.pairs(images + s * noise, images).mean() for s in (0, 0.1, 0.5)]
    assert distances == sorted(distances)
    assert distances[0] == 0.0 < distances[1]


def test_diversity_is_averaged_over_classes() -> None:
    """A collapsed class and one of three images: each counts one half."""
    images = np.concatenate([pictures(0, 1, 8).repeat(9, 0), pictures(1, 3, 8)])
    labels = np.array([4] * 9 + [7] * 3)
    found = CHEAP.diversity(images, labels)
    different = images[[9, 9, 10]], images[[10, 11, 11]]
    assert found.classes[4] == 0.0
    assert found.classes[7] == pytest.approx(CHEAP.pairs(*different).mean(), rel=1e-6)
    assert found.value == pytest.approx(found.classes[7] / 2)
    few = CHEAP.diversity(images, labels, pairs=2, seed=1)
    assert few == CHEAP.diversity(images, labels, pairs=2, seed=1)
    assert few.pairs == 2


def test_what_is_refused() -> None:
    with pytest.raises(DataError, match="class 1 has one"):
        CHEAP.diversity(pictures(0), np.array([0, 0, 1]))
    with pytest.raises(DataError, match="one by one"):
        CHEAP.pairs(pictures(0), pictures(0, 2))
    wrong = PerceptualDistance("edges", edges, [np.ones(3, np.float32)])
    with pytest.raises(UsageError, match="2 stages and 1 weights"):
        wrong.pairs(pictures(0), pictures(1))
