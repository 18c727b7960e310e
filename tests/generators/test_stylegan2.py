"""StyleGAN2 against Karras et al. 2020: parameters, the sum of images, noise, truncation."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from edgegan.generators.blocks.noise import NoiseKind
from edgegan.generators.stylegan2 import Discriminator, Generator
from tests.generators.families import (
    check_discriminator,
    check_generator,
    conv,
    count,
    latents,
    linear,
    livened,
    pictures,
)

CONFIGURATION_E = (512, 512, 512, 512, 256, 128, 64, 32, 16)
CONFIGURATION_F = (512, 512, 512, 512, 512, 256, 128, 64, 32)


def generator_parameters(channels: tuple[int, ...]) -> int:
    expected = 8 * linear(512, 512) + channels[0] * 4 * 4
    for index, outputs in enumerate(channels):
        inputs = [outputs] if index == 0 else [channels[index - 1], outputs]
        for width in inputs:  # modulation, kernel, bias, strength of the noise
            expected += linear(512, width) + conv(width, outputs, 3) + 1
        expected += linear(512, outputs) + conv(outputs, 3, 1)
    return expected


def discriminator_parameters(channels: tuple[int, ...]) -> int:
    expected = conv(3, channels[-1], 1) + conv(513, 512, 3) + linear(512 * 16, 512) + linear(512, 1)
    for inputs, outputs in pairwise(channels[::-1]):
        expected += conv(inputs, inputs, 3) + conv(inputs, outputs, 3)
        expected += conv(inputs, outputs, 1, False)
    return expected


@pytest.mark.parametrize(
    ("channels", "millions"), [(CONFIGURATION_E, (25, 24)), (CONFIGURATION_F, (30, 29))]
)
def test_the_papers_networks(channels: tuple[int, ...], millions: tuple[int, int]) -> None:
    """25 and 24 million parameters before, 30 and 29 after widening (section 4.2)."""
    with torch.device("meta"):
        networks = Generator(channels=channels), Discriminator(channels[::-1])
    expected = generator_parameters(channels), discriminator_parameters(channels)
    assert tuple(count(network) for network in networks) == expected
    assert tuple(round(number / 1e6) for number in expected) == millions


@pytest.mark.parametrize(("channels", "side"), [((8, 6), 8), ((8, 7, 6), 16)])
@pytest.mark.parametrize("noise", ["fixed", "none"])
def test_behaviour(channels: tuple[int, ...], side: int, noise: NoiseKind) -> None:
    generator = Generator(8, channels, 3, noise=noise)
    check_generator(generator, [latents(8)], (3, side, side), bounded=False)


def test_noise_as_an_input() -> None:
    generator = Generator(8, (8, 6), 2, noise="input")
    noise = torch.randn(3, 16 + 2 * 64)
    check_generator(generator, [latents(8), noise], (3, 8, 8), bounded=False)


@torch.no_grad()
def test_truncated_to_the_average_all_latents_give_one_image() -> None:
    generator = livened(Generator(8, (8, 6), 2, psi=0.0))
    images = generator(latents(8))
    assert torch.allclose(images[0], images[1], atol=1e-6)


@torch.no_grad()
def test_the_image_is_the_sum_over_the_sides() -> None:
    """With the largest side's layer to RGB at zero, what is left is the smaller image, filtered."""
    large, small = livened(Generator(8, (8, 6), 2)), Generator(8, (8,), 2).eval()
    kept = small.state_dict().keys()
    small.load_state_dict({k: v for k, v in large.state_dict().items() if k in kept})
    last = large.to_images[1]
    last.bias.zero_()
    last.convolution.weight.zero_()
    expected = large.upsample(small(latents(8)))
    assert torch.allclose(large(latents(8)), expected, atol=1e-6)


def test_discriminator() -> None:
    check_discriminator(Discriminator((4, 5, 6)), pictures(3, 16))
