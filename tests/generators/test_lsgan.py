"""LSGAN against Mao et al., figure 1."""

from __future__ import annotations

import torch

from edgegan.generators.lsgan import STAGES, Discriminator, Generator
from tests.generators.families import (
    check_discriminator,
    check_generator,
    conv,
    count,
    latents,
    linear,
    norm,
    pictures,
)


def test_the_papers_networks() -> None:
    layers = [(256, 256), (256, 256), (256, 256), (256, 256), (256, 128), (128, 64)]
    expected = linear(1024, 7 * 7 * 256) + norm(256)
    expected += sum(conv(i, o, 3, False) + norm(o) for i, o in layers) + conv(64, 3, 3)
    with torch.device("meta"):
        generator = Generator()
        assert generator(torch.empty(1, 1024)).shape == (1, 3, 112, 112)
    assert count(generator) == expected
    expected = conv(3, 64, 5) + linear(512 * 7 * 7, 1)
    for inputs, outputs in [(64, 128), (128, 256), (256, 512)]:
        expected += conv(inputs, outputs, 5, False) + norm(outputs)
    assert count(Discriminator()) == expected


def test_behaviour() -> None:
    check_generator(Generator(8, 3, 4, ((6, 2), (5, 1))), [latents(8)], (3, 6, 6))
    small = [(width // 32, stride) for width, stride in STAGES[:5]]
    check_generator(Generator(8, 4, 6, small, 1), [latents(8)], (1, 32, 32))
    check_discriminator(Discriminator(32, (4, 5, 6, 7)), pictures(3, 32))
