"""StyleGAN against Karras et al. 2019: parameters, AdaIN, noise, truncation."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from edgegan.generators.blocks.noise import NoiseKind, redraw_noise
from edgegan.generators.stylegan import Discriminator, Generator, StyledActivation
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

PAPER = (512, 512, 512, 512, 256, 128, 64, 32, 16)


def test_the_papers_generator() -> None:
    """26.2 million parameters at 1024x1024 (section 2)."""
    with torch.device("meta"):
        generator = Generator(channels=PAPER)
    expected = 8 * linear(512, 512) + 512 * 4 * 4 + conv(16, 3, 1)
    for index, outputs in enumerate(PAPER):
        inputs = PAPER[max(index - 1, 0)]
        kernels = conv(outputs, outputs, 3, False)
        kernels += conv(inputs, outputs, 3, False) if index else 0
        bias, strength = outputs, outputs
        expected += kernels + 2 * (bias + strength + linear(512, 2 * outputs))
    assert count(generator) == expected
    assert round(expected / 1e5) == 262


def test_the_discriminator_of_progressive_growing() -> None:
    """23.1 million parameters at 1024x1024 (Karras et al. 2018, table 2)."""
    with torch.device("meta"):
        discriminator = Discriminator(PAPER[::-1])
    expected = conv(3, 16, 1) + conv(513, 512, 3) + linear(512 * 16, 512) + linear(512, 1)
    for inputs, outputs in pairwise(PAPER[::-1]):
        expected += conv(inputs, inputs, 3) + conv(inputs, outputs, 3)
    assert count(discriminator) == expected
    assert round(expected / 1e5) == 231


@pytest.mark.parametrize(("channels", "side"), [((8, 6), 8), ((8, 7, 6), 16)])
@pytest.mark.parametrize("noise", ["fixed", "none"])
def test_behaviour(channels: tuple[int, ...], side: int, noise: NoiseKind) -> None:
    generator = Generator(8, channels, 3, noise=noise)
    check_generator(generator, [latents(8)], (3, side, side), bounded=False)


def test_noise_as_an_input() -> None:
    generator = Generator(8, (8, 6), 2, noise="input")
    noise = torch.randn(3, 2 * (16 + 64))
    check_generator(generator, [latents(8), noise], (3, 8, 8), bounded=False)
    with pytest.raises(ValueError, match="second input"):
        generator(latents(8))


@torch.no_grad()
def test_fixed_noise_equals_the_same_noise_as_an_input() -> None:
    fixed = livened(Generator(8, (8, 6), 2, seed=3))
    free = Generator(8, (8, 6), 2, noise="input").eval()
    free.load_state_dict({k: v for k, v in fixed.state_dict().items() if ".fixed" not in k})
    maps = [layer.noise.fixed.flatten() for layer in fixed.activations]
    noise = torch.cat(maps)[None].expand(3, -1)
    assert torch.allclose(fixed(latents(8)), free(latents(8), noise), atol=1e-6)


@torch.no_grad()
def test_fixed_noise_comes_from_its_seed() -> None:
    torch.manual_seed(0)
    generator = livened(Generator(8, (8, 6), 2, seed=3))
    before = generator(latents(8))
    redraw_noise(generator, 4)
    assert not torch.equal(generator(latents(8)), before)
    redraw_noise(generator, 3)
    assert torch.equal(generator(latents(8)), before)


@torch.no_grad()
def test_truncation_moves_styles_towards_their_average() -> None:
    torch.manual_seed(0)
    half, full = Generator(8, (8,), 2, psi=0.5), Generator(8, (8,), 2)
    full.train()
    for _ in range(50):
        full(torch.randn(16, 8))
    assert float(full.mapping.average.abs().max()) > 0
    half.load_state_dict(full.state_dict())
    style, truncated = full.eval().mapping(latents(8)), half.eval().mapping(latents(8))
    assert torch.allclose(truncated, (style + full.mapping.average) / 2, atol=1e-6)
    check_generator(half, [latents(8)], (3, 4, 4), bounded=False)


@torch.no_grad()
def test_adain_gives_each_channel_the_styles_statistics() -> None:
    """Equation 1: after it, a channel's mean is the shift and its deviation the scale."""
    torch.manual_seed(0)
    layer = StyledActivation(4, None, 5)
    style = torch.randn(2, 5)
    result = layer(torch.randn(2, 4, 16, 16), style, None)
    scale, shift = layer.style(style).chunk(2, 1)
    assert torch.allclose(result.mean((2, 3)), shift, atol=1e-5)
    assert torch.allclose(result.std((2, 3), unbiased=False), (1 + scale).abs(), atol=1e-4)


def test_discriminator() -> None:
    check_discriminator(Discriminator((4, 5, 6)), pictures(3, 16))
