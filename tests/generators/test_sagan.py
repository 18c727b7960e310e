"""SAGAN: both forms; its attention against the paper's formula in float64."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from edgegan.generators.blocks.attention import SelfAttention
from edgegan.generators.sagan import (
    Discriminator,
    Generator,
    ResidualDiscriminator,
    ResidualGenerator,
)
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
from tests.generators.test_sngan import IMAGENET, LABELS, block, down


def attention(channels: int) -> int:
    """f, g, h: C to C/8, v: C/8 to C, without biases; gamma."""
    return 4 * channels * (channels // 8) + 1


def test_upsample_form_at_64() -> None:
    expected = linear(128, 512 * 16, False) + norm(512) + conv(64, 3, 3)
    for inputs, outputs in [(512, 256), (256, 128), (128, 64)]:
        expected += conv(inputs, outputs, 3, False) + norm(outputs)
    with torch.device("meta"):
        generator, discriminator = Generator(), Discriminator()
    assert count(generator) == expected + attention(128) + attention(64)
    expected = conv(512, 1, 4) + attention(256) + attention(512)
    for inputs, outputs in [(3, 64), (64, 128), (128, 256), (256, 512)]:
        expected += conv(inputs, outputs, 4)
    assert count(discriminator) == expected


def test_residual_form_at_128() -> None:
    """SNGAN's with attention at 64x64; 42 million parameters as Vo et al. 2022 (table 1) count."""
    with torch.device("meta"):
        generator, discriminator = ResidualGenerator(), ResidualDiscriminator()
    expected = linear(128, 16 * 1024) + norm(64) + conv(64, 3, 3) + attention(128)
    for inputs, outputs in pairwise(IMAGENET):
        expected += block(inputs, outputs) + 1000 * (norm(inputs) + norm(outputs))
    assert count(generator) == expected
    assert round(expected / 1e6) == 42
    expected = down(3, 64, 64) + attention(64) + down(1024, 1024, 1024) - conv(1024, 1024, 1)
    for inputs, outputs in [(64, 128), (128, 256), (256, 512), (512, 1024)]:
        expected += down(inputs, outputs, inputs)
    assert count(discriminator) == expected + linear(1024, 1) + 1000 * 1024


@pytest.mark.parametrize("form", ["upsample", "residual"])
def test_every_convolution_and_linear_is_spectrally_normalized(form: str) -> None:
    """All but the image's convolution of the upsample form, whose range tanh sets."""
    residual = ResidualGenerator(32, (16, 16, 8), 3, 16)
    module = residual if form == "residual" else Generator(32, (16, 16, 8), (8,))
    for name, part in module.named_modules():
        if isinstance(part, nn.Conv2d | nn.Linear) and not hasattr(part, "parametrizations"):
            assert isinstance(part, nn.Conv2d)
            assert part.out_channels == 3, name
        elif isinstance(part, nn.Conv2d | nn.Linear):
            largest = torch.linalg.matrix_norm(part.weight.detach().flatten(1), 2)
            assert abs(float(largest) - 1) < 0.05, name


@torch.no_grad()
def test_attention_is_the_papers() -> None:
    """Equations 1 to 3, place by place."""
    layer = SelfAttention(16, 2, 3)
    livened(layer)
    layer.gamma.fill_(0.7)
    x = torch.randn(2, 16, 3, 4)
    f, g, h, v = (
        part.weight.double()[:, :, 0, 0]
        for part in (layer.key, layer.query, layer.value, layer.output)
    )
    places = x.double().flatten(2)
    expected = places.clone()
    for sample, columns in enumerate(places):
        for j in range(12):
            scores = torch.stack([(f @ columns[:, i]) @ (g @ columns[:, j]) for i in range(12)])
            weights = scores.exp() / scores.exp().sum()
            attended = sum(weights[i] * (h @ columns[:, i]) for i in range(12))
            expected[sample, :, j] += 0.7 * (v @ attended)
    assert torch.allclose(layer(x).double().flatten(2), expected, atol=1e-5)


@torch.no_grad()
def test_pooled_attention_takes_the_maximum_of_keys_and_values() -> None:
    """Where 2x2 squares are constant, pooling only drops equal keys, and the softmax does not change."""
    layer = SelfAttention(16, 2, 8, pooled=True)
    livened(layer)
    plain = SelfAttention(16, 2, 8)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(2, 16, 2, 3).repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.allclose(layer(x), plain.eval()(x), atol=1e-6)


@pytest.mark.parametrize(
    ("channels", "attention_at", "side"), [((16, 16, 8), (8, 16), 32), ((8, 8), (), 16)]
)
def test_upsample_form(channels: tuple[int, ...], attention_at: tuple[int, ...], side: int) -> None:
    check_generator(Generator(8, channels, attention_at), [latents(8)], (3, side, side))


def test_residual_form() -> None:
    generator = ResidualGenerator(8, (16, 16, 8), 3, 8)
    check_generator(generator, [latents(8), LABELS], (3, 16, 16))
    check_labels_matter(generator, latents(8))
    with pytest.raises(ValueError, match="64"):
        ResidualGenerator(8, (16, 16, 8), 3, 64)


def test_discriminators() -> None:
    check_discriminator(Discriminator((8, 16), (8, 4)), pictures(3, 16))
    check_discriminator(ResidualDiscriminator((8, 16, 16), 3, 16, 8), pictures(3, 16), LABELS)
