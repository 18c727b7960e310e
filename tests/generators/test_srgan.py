"""SRGAN against Ledig et al., figure 4."""

from __future__ import annotations

import pytest

from edgegan.generators.srgan import Discriminator, Generator
from tests.generators.families import (
    check_discriminator,
    check_generator,
    conv,
    count,
    linear,
    norm,
    pictures,
)


def test_the_papers_networks() -> None:
    block = 2 * (conv(64, 64, 3) + norm(64)) + 1
    expected = conv(3, 64, 9) + 1 + 16 * block + conv(64, 64, 3) + norm(64)
    expected += 2 * (conv(64, 256, 3) + 1) + conv(64, 3, 9)
    assert count(Generator()) == expected
    layers = [(64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512)]
    expected = conv(3, 64, 3) + sum(conv(i, o, 3) + norm(o) for i, o in layers)
    assert count(Discriminator()) == expected + linear(512 * 6 * 6, 1024) + linear(1024, 1)


@pytest.mark.parametrize("doublings", [1, 2])
def test_behaviour(doublings: int) -> None:
    side = 8 * 2**doublings
    generator = Generator(4, 2, doublings)
    check_generator(generator, [pictures(3, 8)], (3, side, side), bounded=False)
    check_discriminator(Discriminator((4, 5), 6, side), pictures(3, side))
