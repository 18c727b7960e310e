"""Filters against sums written out in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from edgegan.generators.blocks.resample import Blur, UpsampleFilter


def filtered(
    padded: NDArray[np.float64], taps: tuple[int, ...], gain: float
) -> NDArray[np.float64]:
    """The sum under every position of the outer product of ``taps``."""
    kernel = np.outer(taps, taps) * gain / sum(taps) ** 2
    height, width = (side - len(taps) + 1 for side in padded.shape)
    result = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            window = padded[row : row + len(taps), column : column + len(taps)]
            result[row, column] = (window * kernel).sum()
    return result


@pytest.mark.parametrize(("taps", "padding", "gain"), [((1, 2, 1), 1, 1.0), ((1, 3, 3, 1), 2, 4.0)])
def test_blur(taps: tuple[int, ...], padding: int, gain: float) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 6))
    result = Blur(3, taps, padding, gain)(torch.from_numpy(x).float())
    for sample in range(2):
        for channel in range(3):
            expected = filtered(np.pad(x[sample, channel], padding), taps, gain)
            assert np.allclose(result[sample, channel], expected, atol=1e-5)


def test_upsampling_filters_pixels_between_zeros() -> None:
    """Karras et al. 2020, appendix B; the filter's center lies between output 2i and 2i + 1."""
    x = np.random.default_rng(0).standard_normal((3, 4))
    spread = np.zeros((6, 8))
    spread[::2, ::2] = x
    expected = filtered(np.pad(spread, ((2, 1), (2, 1))), (1, 3, 3, 1), 4.0)
    result = UpsampleFilter(1)(torch.from_numpy(x).float()[None, None])[0, 0]
    assert np.allclose(result, expected, atol=1e-5)


def test_filters_keep_a_constant() -> None:
    constant = torch.full((1, 2, 8, 8), 3.0)
    inside = (slice(None), slice(None), slice(2, -2), slice(2, -2))
    assert torch.allclose(Blur(2, (1, 2, 1), 1)(constant)[inside], torch.tensor(3.0))
    assert torch.allclose(UpsampleFilter(2)(constant)[inside], torch.tensor(3.0))


def test_taps_are_no_weights() -> None:
    assert not list(Blur(2, (1, 2, 1), 1).state_dict())
