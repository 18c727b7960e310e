"""The CycleGAN generator against its paper."""

from __future__ import annotations

import pytest
import torch

from edgegan.generators.cyclegan import Generator


def test_the_papers_layers() -> None:
    """c7s1-64, d128, d256, six R256 of two layers, u128, u64, c7s1-3; parameters counted by hand."""
    generator = Generator()
    convolutions = [(3, 64, 7), (64, 128, 3), (128, 256, 3), *[(256, 256, 3)] * 12,
                    (256, 128, 3), (128, 64, 3), (64, 3, 7)]  # fmt: skip
    expected = sum(i * o * k * k + o for i, o, k in convolutions)
    assert sum(p.numel() for p in generator.parameters()) == expected


@pytest.mark.parametrize("size", [16, 36])
def test_pictures_keep_their_size(size: int) -> None:
    generator = Generator(width=4, blocks=1)
    image = generator(torch.rand(2, 3, size, size) * 2 - 1)
    assert image.shape == (2, 3, size, size)
    assert image.abs().max() <= 1
