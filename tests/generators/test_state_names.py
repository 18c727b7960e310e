"""Names and order of the weights that checkpoints hold, in discriminators that share their parts.

Weights are loaded by name, the state of an optimizer by position; both are as they have always been.
"""

from __future__ import annotations

import pytest
from torch import nn

from edgegan.generators import biggan, sagan, sngan, stylegan, stylegan2


def spectral(path: str, bias: bool = True) -> list[str]:
    """A layer under spectral normalization: two parameters, two buffers."""
    weight = f"{path}.parametrizations.weight"
    return [f"{path}.bias"] * bias + [f"{weight}.original", f"{weight}.0._u", f"{weight}.0._v"]


def block(index: int, shortcut: bool = True) -> list[str]:
    names = ["conv1", "conv2", *(["shortcut"] * shortcut)]
    return [key for name in names for key in spectral(f"blocks.{index}.{name}")]


def attention(index: int) -> list[str]:
    names = ("query", "key", "value", "output")
    maps = [key for name in names for key in spectral(f"blocks.{index}.{name}", False)]
    return [f"blocks.{index}.gamma", *maps]


def layers(*paths: str) -> list[str]:
    return [f"{path}.{kind}" for path in paths for kind in ("weight", "bias")]


PROJECTION = spectral("head.linear") + spectral("head.embedding", False)
DEVIATION = layers("head.0", "head.3", "head.5")
ATTENDED = block(0) + attention(1) + block(2) + block(3, False) + PROJECTION


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (sagan.ResidualDiscriminator((8, 16, 16), 3, 16, 8), ATTENDED),
        (biggan.Discriminator(8, (1, 2, 2), 3, 16, 8), ATTENDED),
        (
            sngan.Discriminator((8, 9, 7, 7), 2, 3),
            block(0) + block(1) + block(2) + block(3, False) + PROJECTION,
        ),
        (
            stylegan.Discriminator((4, 5, 6)),
            layers("main.0", "main.2", "main.5", "main.8", "main.11") + DEVIATION,
        ),
        (
            stylegan2.Discriminator((4, 5)),
            [
                *layers("main.0", "main.2.body.0", "main.2.body.3"),
                "main.2.shortcut.1.weight",
                *DEVIATION,
            ],
        ),
    ],
    ids=["sagan", "biggan", "sngan", "stylegan", "stylegan2"],
)
def test_discriminators_keep_the_names_of_their_weights(
    module: nn.Module, names: list[str]
) -> None:
    assert list(module.state_dict()) == names
