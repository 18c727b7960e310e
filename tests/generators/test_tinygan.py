"""TinyGAN: depthwise-separable blocks, 3.1 million parameters."""

from __future__ import annotations

import pytest
import torch

from edgegan.generators.tinygan import Discriminator, Generator
from tests.generators.families import (
    check_discriminator,
    check_generator,
    check_labels_matter,
    conv,
    count,
    latents,
    linear,
    norm,
    pictures,
)
from tests.generators.test_sngan import LABELS


def separable(inputs: int, outputs: int) -> int:
    return inputs * 9 + inputs + conv(inputs, outputs, 1)


def test_128x128_with_width_32() -> None:
    """3.1 million parameters, as Vo et al. 2022 (table 1) count."""
    expected = 1000 * 128 + linear(128, 512 * 16) + norm(32) + conv(32, 3, 3)
    for inputs, outputs in [(512, 512), (512, 256), (256, 128), (128, 64), (64, 32)]:
        expected += separable(inputs, outputs) + separable(outputs, outputs)
        expected += conv(inputs, outputs, 1) + 2 * linear(128, inputs + outputs)
    assert count(Generator()) == expected
    assert round(expected / 1e5) == 31
    expected = linear(1024, 1) + 1000 * 1024
    for inputs, outputs in [(3, 64), (64, 128), (128, 256), (256, 512), (512, 1024)]:
        expected += conv(inputs, outputs, 4)
    with torch.device("meta"):
        assert count(Discriminator()) == expected


@pytest.mark.parametrize("upsampling", ["bilinear", "nearest"])
@pytest.mark.parametrize(("blocks", "side"), [(2, 16), (3, 32)])
def test_behaviour(upsampling: str, blocks: int, side: int) -> None:
    generator = Generator(4, blocks, 8, 3, 6, upsampling)
    check_generator(generator, [latents(8), LABELS], (3, side, side))
    check_labels_matter(generator, latents(8))


def test_discriminator() -> None:
    check_discriminator(Discriminator(4, 3, 3), pictures(3, 16), LABELS)
