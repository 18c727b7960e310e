"""SNGAN against Miyato et al. 2018, tables 4 to 6."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from edgegan.generators.sngan import Discriminator, Generator
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

LABELS = torch.tensor([0, 2, 1])
IMAGENET = (1024, 1024, 512, 256, 128, 64)


def block(inputs: int, outputs: int) -> int:
    return conv(inputs, outputs, 3) + conv(outputs, outputs, 3) + conv(inputs, outputs, 1)


def down(inputs: int, outputs: int, hidden: int) -> int:
    return conv(inputs, hidden, 3) + conv(hidden, outputs, 3) + conv(inputs, outputs, 1)


def test_32x32_of_table_4() -> None:
    expected = linear(128, 4 * 4 * 256) + 3 * (block(256, 256) + 2 * norm(256))
    assert count(Generator()) == expected + norm(256) + conv(256, 3, 3)
    expected = down(3, 128, 128) + down(128, 128, 128) + 2 * 2 * conv(128, 128, 3)
    assert count(Discriminator()) == expected + linear(128, 1)


def test_48x48_of_table_5() -> None:
    with torch.device("meta"):
        generator = Generator(channels=(512, 256, 128, 64), start=6)
        assert generator.eval()(torch.empty(1, 128)).shape == (1, 3, 48, 48)
    expected = linear(128, 6 * 6 * 512) + norm(64) + conv(64, 3, 3)
    for inputs, outputs in [(512, 256), (256, 128), (128, 64)]:
        expected += block(inputs, outputs) + norm(inputs) + norm(outputs)
    assert count(generator) == expected


def test_conditional_128x128_of_table_6() -> None:
    """Also the 42 million parameters that Vo et al. 2022 (table 1) count."""
    with torch.device("meta"):
        generator = Generator(channels=IMAGENET, classes=1000)
        discriminator = Discriminator((64, 128, 256, 512, 1024, 1024), 5, 1000)
    expected = linear(128, 4 * 4 * 1024) + norm(64) + conv(64, 3, 3)
    for inputs, outputs in pairwise(IMAGENET):
        expected += block(inputs, outputs) + 1000 * (norm(inputs) + norm(outputs))
    assert count(generator) == expected
    assert round(expected / 1e6) == 42
    expected = down(3, 64, 64) + 2 * conv(1024, 1024, 3) + linear(1024, 1) + 1000 * 1024
    for inputs, outputs in [(64, 128), (128, 256), (256, 512), (512, 1024)]:
        expected += down(inputs, outputs, inputs)
    assert count(discriminator) == expected


@pytest.mark.parametrize(("channels", "start"), [((6, 6, 6, 6), 4), ((7, 6, 5), 3)])
def test_unconditional(channels: tuple[int, ...], start: int) -> None:
    side = start * 2 ** (len(channels) - 1)
    check_generator(Generator(8, channels, 0, start), [latents(8)], (3, side, side))


def test_conditional() -> None:
    generator = Generator(8, (7, 6, 5), 3)
    check_generator(generator, [latents(8), LABELS], (3, 16, 16))
    check_labels_matter(generator, latents(8))


def test_discriminators() -> None:
    check_discriminator(Discriminator((4, 5, 6)), pictures(3, 8))
    check_discriminator(Discriminator((4, 5, 6), classes=3), pictures(3, 8), LABELS)


@torch.no_grad()
def test_the_projection_of_the_label() -> None:
    """Logits of two labels differ by <difference of embeddings, features> (equation 3)."""
    discriminator = Discriminator((4, 5), 1, 3).eval()
    image = pictures(3, 8)
    features = torch.relu(discriminator.blocks(image)).sum((2, 3)).double()
    table = discriminator.head.embedding
    assert isinstance(table, nn.Embedding)
    expected = features @ (table.weight[2] - table.weight[0]).double()
    found = discriminator(image, torch.full((3,), 2)) - discriminator(image, torch.full((3,), 0))
    assert torch.allclose(found.double(), expected, rtol=1e-4, atol=1e-5)
