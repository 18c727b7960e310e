"""The standard configurations of the benchmarks: each builds and makes images of its name's size."""

from __future__ import annotations

import pytest
import torch

from benchmarks.models import SOURCES, draw
from edgegan.generators.load import build_module

SIDES = {"srgan-x4": 256}


@pytest.mark.parametrize("name", list(SOURCES))
def test_images_of_the_right_size(name: str) -> None:
    made = SOURCES[name]
    side = SIDES.get(name) or int(name.removesuffix("-narrow").rpartition("-")[2])
    with torch.device("meta"):
        image = build_module(made.source, made.arguments).eval()(*draw(made, 2))
    assert image.shape[0] == 2 and image.shape[1] in (1, 3)
    assert image.shape[2:] == (side, side)
