"""FC-GAN against Hötter et al.: four linear layers."""

from __future__ import annotations

import pytest
from torch import nn

from edgegan.generators.fc_gan import Discriminator, Generator
from tests.generators.families import (
    check_discriminator,
    check_generator,
    count,
    latents,
    linear,
    pictures,
)


def test_four_layers() -> None:
    generator, discriminator = Generator(), Discriminator()
    for module in (generator, discriminator):
        assert sum(isinstance(part, nn.Linear) for part in module.modules()) == 4
    sizes = [(100, 256), (256, 512), (512, 1024), (1024, 28 * 28)]
    assert count(generator) == sum(linear(*pair) for pair in sizes)
    sizes = [(28 * 28, 1024), (1024, 512), (512, 256), (256, 1)]
    assert count(discriminator) == sum(linear(*pair) for pair in sizes)


@pytest.mark.parametrize(("side", "channels"), [(28, 1), (12, 3)])
def test_behaviour(side: int, channels: int) -> None:
    generator = Generator(5, (6, 7, 8), side, channels)
    check_generator(generator, [latents(5)], (channels, side, side))
    check_discriminator(Discriminator((8, 7, 6), side, channels), pictures(channels, side))
