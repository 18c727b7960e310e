"""CNN-GAN against Hötter et al.: three and five layers, 28x28 and 32x32."""

from __future__ import annotations

import pytest
from torch import nn

from edgegan.generators.cnn_gan import Discriminator, Generator
from tests.generators.families import (
    check_discriminator,
    check_generator,
    conv,
    count,
    latents,
    norm,
    pictures,
)


def test_three_layers() -> None:
    expected = (
        conv(100, 128, 7, False) + norm(128) + conv(128, 64, 4, False) + norm(64) + conv(64, 1, 4)
    )
    assert count(Generator()) == expected
    assert count(Discriminator()) == conv(1, 64, 4) + conv(64, 128, 4) + norm(128) + conv(128, 1, 7)


def test_five_layers() -> None:
    widths = [(100, 8, 4), (8, 7, 3), (7, 6, 4), (6, 5, 4)]
    expected = sum(conv(i, o, k, False) + norm(o) for i, o, k in widths) + conv(5, 1, 3)
    assert count(Generator(100, (8, 7, 6, 5))) == expected


@pytest.mark.parametrize("side", [28, 32])
@pytest.mark.parametrize("channels", [(6, 5), (8, 7, 6, 5)])
def test_behaviour(side: int, channels: tuple[int, ...]) -> None:
    generator = Generator(9, channels, side, 3)
    layers = sum(isinstance(part, nn.ConvTranspose2d) for part in generator.modules())
    assert layers == len(channels) + 1
    check_generator(generator, [latents(9)], (3, side, side))
    check_discriminator(Discriminator(channels[::-1], side, 3), pictures(3, side))


def test_other_geometries_are_refused() -> None:
    with pytest.raises(ValueError, match="side 30"):
        Generator(side=30)
    with pytest.raises(ValueError, match="4 layers"):
        Generator(channels=(8, 7, 6))
