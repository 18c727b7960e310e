"""The CycleGAN networks against their paper."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgegan.generators.cyclegan import Discriminator, Generator
from tests.generators.families import check_generator, conv, count, livened, norm, pictures


def test_the_papers_layers() -> None:
    """c7s1-64, d128, d256, six R256 of two layers, u128, u64, c7s1-3; parameters counted by hand."""
    convolutions = [(3, 64, 7), (64, 128, 3), (128, 256, 3), *[(256, 256, 3)] * 12,
                    (256, 128, 3), (128, 64, 3), (64, 3, 7)]  # fmt: skip
    assert count(Generator()) == sum(conv(*layer) for layer in convolutions)


@pytest.mark.parametrize("side", [16, 36])
def test_pictures_keep_their_size(side: int) -> None:
    check_generator(Generator(width=4, blocks=1), [pictures(3, side)], (3, side, side))


def test_the_patch_discriminator() -> None:
    """C64-C128-C256-C512 and a layer to one channel, each 4x4."""
    layers = [(3, 64), (64, 128), (128, 256), (256, 512), (512, 1)]
    assert count(Discriminator()) == sum(conv(i, o, 4) for i, o in layers)
    pix2pix = Discriminator(norm=nn.BatchNorm2d, image_channels=6)
    expected = conv(6, 64, 4) + sum(conv(i, o, 4) for i, o in layers[1:])
    assert count(pix2pix) == expected + norm(128) + norm(256) + norm(512)


def test_a_logit_sees_70_by_70_pixels() -> None:
    """Without norms, which see the whole picture, one logit's gradient is a square of that size."""
    module = Discriminator((2, 2, 2, 2), lambda _: nn.Identity())
    livened(module)
    picture = pictures(3, 128, 1).requires_grad_()
    logits = module(picture)
    assert logits.shape == (1, 1, 14, 14)
    logits[0, 0, 7, 7].backward()
    assert picture.grad is not None
    seen = picture.grad[0].abs().sum(0) > 0
    rows, columns = seen.any(1).nonzero(), seen.any(0).nonzero()
    assert int(rows.max() - rows.min()) + 1 == 70
    assert int(columns.max() - columns.min()) + 1 == 70


def test_patches_of_one_picture_are_apart_from_another() -> None:
    module = livened(Discriminator((4, 4, 4, 4)))
    with torch.no_grad():
        logits = module(pictures(3, 32))
    assert logits.shape == (3, 1, 2, 2)
    assert len(logits.unique()) == 12
