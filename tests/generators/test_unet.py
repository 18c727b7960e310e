"""The U-Net of pix2pix against Isola et al., section 6.1.1."""

from __future__ import annotations

import pytest
import torch

from edgegan.generators.unet import Generator
from tests.generators.families import check_generator, conv, count, livened, norm, pictures


def test_the_papers_layers() -> None:
    """C64-C128-C256-C512 x 5; the decoder reads 512, 1024 x 4, 512, 256, 128 channels."""
    with torch.device("meta"):
        generator = Generator()
    down = [(64, 128), (128, 256), (256, 512), *[(512, 512)] * 3]
    up = [(512, 512), *[(1024, 512)] * 3, (1024, 256), (512, 128), (256, 64)]
    expected = conv(3, 64, 4) + conv(512, 512, 4) + conv(128, 3, 4)
    expected += sum(conv(i, o, 4, False) + norm(o) for i, o in down + up)
    assert count(generator) == expected


@pytest.mark.parametrize(("channels", "side"), [((4, 5, 6), 8), ((4, 5, 6, 6), 32)])
def test_behaviour(channels: tuple[int, ...], side: int) -> None:
    check_generator(Generator(channels), [pictures(3, side)], (3, side, side))


@torch.no_grad()
def test_dropout_only_acts_in_training() -> None:
    generator = livened(Generator((4, 5, 6)))
    picture = pictures(3, 16)
    assert torch.equal(generator(picture), generator(picture))
    generator.train()
    assert not torch.equal(generator(picture), generator(picture))
