"""Small generators of every family whose channels can be removed."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import fx, nn

from edgegan.compression.channels import Channels, find_channels, simplified
from edgegan.generators import (
    biggan,
    cyclegan,
    dcgan,
    fc_gan,
    sagan,
    sngan,
    srgan,
    tinygan,
    unet,
    upsample,
)
from edgegan.lowering.capture import capture

LATENT = 8
_LABELS = torch.tensor([2, 0])


class Conditional(nn.Module):
    """Gains and shifts of one embedding, cut in two; the linear layer's output is normed as rows."""

    def __init__(self) -> None:
        super().__init__()
        self.project, self.rows = nn.Linear(LATENT, 6 * 9), nn.BatchNorm1d(6 * 9)
        self.norm, self.table = nn.BatchNorm2d(6, affine=False), nn.Embedding(3, 12)
        self.conv, self.to_image = nn.Conv2d(6, 6, 3, 1, 1), nn.Conv2d(6, 1, 1)

    def forward(self, z: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.rows(self.project(z))).view(-1, 6, 3, 3)
        gain, shift = self.table(label)[:, :, None, None].chunk(2, 1)
        x = torch.relu(self.norm(self.conv(x)) * (1 + gain) + shift)
        return torch.tanh(self.to_image(x))


FAMILIES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], bool]] = {
    "dcgan": (lambda: dcgan.Generator(LATENT, (8, 6), 1), (LATENT,), False),
    "upsample": (lambda: upsample.Generator(LATENT, (8, 6), 1), (LATENT,), False),
    "fc": (lambda: fc_gan.Generator(LATENT, (12, 8), 4), (LATENT,), False),
    "sagan": (lambda: sagan.Generator(LATENT, (16, 16), (8,), 1), (LATENT,), False),
    "sagan-residual": (
        lambda: sagan.ResidualGenerator(LATENT, (16, 16), 3, 8, 1),
        (LATENT,),
        True,
    ),
    "biggan": (lambda: biggan.Generator(8, (2, 2), LATENT, 3, 4, 8, 1), (LATENT,), True),
    "sngan": (lambda: sngan.Generator(LATENT, (6, 6, 4)), (LATENT,), False),
    "sngan-conditional": (lambda: sngan.Generator(LATENT, (6, 4), 3), (LATENT,), True),
    "tinygan": (lambda: tinygan.Generator(4, 2, LATENT, 3, 4, "nearest", 1), (LATENT,), True),
    "cyclegan": (lambda: cyclegan.Generator(4, 1), (3, 8, 8), False),
    "unet": (lambda: unet.Generator((4, 6, 8), 1), (3, 8, 8), False),
    "srgan": (lambda: srgan.Generator(6, 1), (3, 4, 4), False),
    "cut-embedding": (Conditional, (LATENT,), True),
}


def shaken(module: nn.Module, *inputs: torch.Tensor) -> nn.Module:
    """Nothing of it is 0 or 1 any more, and batch norms have seen something; in eval mode."""
    with torch.no_grad():
        for value in module.parameters():
            value.add_(0.3 * torch.randn_like(value))
        module.train()
        for _ in range(2):
            module(*(torch.cat([value, value]) for value in inputs))
    return module.eval()


@functools.cache
def prepared(family: str) -> tuple[fx.GraphModule, Channels, tuple[torch.Tensor, ...]]:
    """Simplified graph, its channels, an example; of a generator with random weights."""
    torch.manual_seed(0)
    make, shape, labelled = FAMILIES[family]
    example = (torch.randn(2, *shape), *([_LABELS] if labelled else []))
    graph = simplified(capture(shaken(make(), *example), example), example)
    return graph, find_channels(graph), example
