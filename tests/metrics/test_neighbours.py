"""Blocks of float32 distances decide as float64 does, even where float32 cannot."""

from __future__ import annotations

import numpy as np
import pytest

from edgegan.metrics import neighbours
from edgegan.metrics.neighbours import Distances, squared_radii
from tests.metrics import references
from tests.metrics.references import clusters


@pytest.fixture(params=[1 << 22, 500])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One block, and many of which the last is shorter."""
    monkeypatch.setattr(neighbours, "_BLOCK", request.param)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("k", [1, 3, 7])
def test_radii_are_those_of_brute_force(k: int) -> None:
    features = clusters(0, 83)
    expected = references.radii(features, k)
    np.testing.assert_allclose(np.sqrt(squared_radii(features, k)), expected, rtol=1e-12)


@pytest.mark.usefixtures("block")
def test_float32_is_within_its_bound() -> None:
    a, b = clusters(0, 60) + 100, clusters(1, 71) + 100
    distances = Distances(a, b)
    exact = np.square(references.distances(a, b))
    worst = max(np.abs(p.squares - exact[p.rows]).max() for p in distances.blocks())
    assert 0 < worst <= distances.bound < 1e-3 * exact.max()


@pytest.mark.parametrize("of_rows", [False, True])
def test_radii_that_pass_through_points(of_rows: bool) -> None:
    """Each ball ends exactly at a point, or just before it: float32 cannot tell, float64 does."""
    a, b = clusters(0, 50), clusters(1, 50)
    distances = Distances(a, b)
    order = np.arange(50)
    exact = distances.exact(order, (order + 7) % 50)  # of the pairs (i, i + 7)
    touched = exact if of_rows else np.roll(exact, 7)
    (block,) = distances.blocks()
    for limits, expected in ((touched, True), (np.nextafter(touched, 0), False)):
        rows, columns = distances.within(block, limits, of_rows)
        found = set(zip(rows.tolist(), columns.tolist(), strict=True))
        assert all(((i, (i + 7) % 50) in found) is expected for i in range(50))


def test_equal_images_are_at_distance_zero() -> None:
    """A collapsed generator: all radii are 0, and every image lies in every ball."""
    features = np.full((40, 8), 0.3, np.float32)
    assert not squared_radii(features, 3).any()
    distances = Distances(features, features)
    (block,) = distances.blocks()
    assert len(distances.within(block, np.zeros(40))[0]) == 1600
