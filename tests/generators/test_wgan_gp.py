"""WGAN-GP's residual networks against Gulrajani et al., appendix, CIFAR-10."""

from __future__ import annotations

from torch import nn

from edgegan.generators.wgan_gp import Discriminator, Generator
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
    block = 2 * conv(128, 128, 3) + conv(128, 128, 1)
    generator = linear(128, 4 * 4 * 128) + 3 * (block + 2 * norm(128)) + norm(128) + conv(128, 3, 3)
    assert count(Generator()) == generator
    first = conv(3, 128, 3) + conv(128, 128, 3) + conv(3, 128, 1)
    kept = 2 * conv(128, 128, 3)  # an identity shortcut has no parameters
    assert count(Discriminator()) == first + block + 2 * kept + linear(128, 1)


def test_the_critic_scores_each_sample_by_itself() -> None:
    norms = (nn.BatchNorm1d, nn.BatchNorm2d)
    assert not any(isinstance(part, norms) for part in Discriminator((4, 4)).modules())


def test_behaviour() -> None:
    for channels, side in (((6, 6, 6, 6), 32), ((7, 6, 5), 16)):
        check_generator(Generator(8, channels), [latents(8)], (3, side, side))
    check_discriminator(Discriminator((6, 6, 6, 6)), pictures(3, 32))
