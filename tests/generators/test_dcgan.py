"""DCGAN against Radford et al., figure 1."""

from __future__ import annotations

import pytest

from edgegan.generators.dcgan import Discriminator, Generator
from tests.generators.families import (
    check_discriminator,
    check_generator,
    conv,
    count,
    latents,
    norm,
    pictures,
)


def test_the_papers_generator() -> None:
    """100, 1024x4x4, 512x8x8, 256x16x16, 128x32x32, 3x64x64."""
    layers = [(100, 1024), (1024, 512), (512, 256), (256, 128)]
    expected = sum(conv(i, o, 4, False) + norm(o) for i, o in layers) + conv(128, 3, 4)
    assert count(Generator(100, (1024, 512, 256, 128), 3)) == expected


@pytest.mark.parametrize(("channels", "side"), [((6, 5), 16), ((7, 6, 5), 32)])
def test_behaviour(channels: tuple[int, ...], side: int) -> None:
    check_generator(Generator(8, channels, 3), [latents(8)], (3, side, side))
    check_discriminator(Discriminator(channels[::-1], 3), pictures(3, side))
