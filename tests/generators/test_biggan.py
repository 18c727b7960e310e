"""BigGAN against Brock et al., table 4, and the parameters that others count."""

from __future__ import annotations

import pytest
import torch

from edgegan.generators.biggan import Discriminator, Generator
from tests.generators.families import (
    check_discriminator,
    check_generator,
    check_labels_matter,
    conv,
    count,
    latents,
    linear,
    livened,
    norm,
    pictures,
)
from tests.generators.test_sngan import LABELS, block, down


def attention(channels: int) -> int:
    """Keys and queries C/8, values C/2, without biases; gamma."""
    return 2 * channels * (channels // 8) + 2 * channels * (channels // 2) + 1


def test_the_generator_of_table_4() -> None:
    """70.4 million parameters, as Vo et al. 2022 (table 1) count."""
    with torch.device("meta"):
        generator = Generator()
    ch = 96
    expected = 1000 * 128 + linear(20, 4 * 4 * 16 * ch) + attention(2 * ch)
    for inputs, outputs in [(16, 16), (16, 8), (8, 4), (4, 2), (2, 1)]:
        expected += block(inputs * ch, outputs * ch) + 2 * linear(
            148, (inputs + outputs) * ch, False
        )
    expected += norm(ch) + conv(ch, 3, 3)
    assert count(generator) == expected
    assert round(expected / 1e5) == 704


def test_the_discriminator_of_table_4() -> None:
    with torch.device("meta"):
        discriminator = Discriminator()
    ch = 96
    expected = down(3, ch, ch) + attention(ch) + 2 * conv(16 * ch, 16 * ch, 3)
    for inputs, outputs in [(1, 2), (2, 4), (4, 8), (8, 16)]:
        expected += down(inputs * ch, outputs * ch, outputs * ch)
    expected += linear(16 * ch, 1) + 1000 * 16 * ch
    assert count(discriminator) == expected


@pytest.mark.parametrize(("multiples", "attended", "side"), [((4, 2, 1), 8, 16), ((2, 2), 8, 8)])
def test_behaviour(multiples: tuple[int, ...], attended: int, side: int) -> None:
    size = 4 * len(multiples)
    generator = Generator(8, multiples, size, 3, 6, attended)
    check_generator(generator, [latents(size), LABELS], (3, side, side))
    check_labels_matter(generator, latents(size))
    check_discriminator(Discriminator(8, (1, 2, 2), 3, 16, 8), pictures(3, 16), LABELS)


@torch.no_grad()
def test_every_part_of_the_latent_matters() -> None:
    generator = livened(Generator(8, (4, 2, 1), 12, 3, 6, 8))
    base = latents(12, 1)
    for part in range(3):
        changed = base.clone()
        changed[:, 4 * part : 4 * part + 4] += 1.0
        assert not torch.allclose(generator(base, LABELS[:1]), generator(changed, LABELS[:1]))


def test_a_latent_without_equal_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="121 has no 6 equal parts"):
        Generator(latent_size=121)
