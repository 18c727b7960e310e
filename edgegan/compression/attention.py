"""Features of residual blocks while a generator runs, for class-aware distillation.

Section 3.3 of Vo et al. normalizes the teacher's features class by class. In a pre-activation generator
such a normalization stands right behind every block: the first of the next block, with its class and
latent. Behind the last block it is the final batch norm, which has no classes.
"""

from __future__ import annotations

import torch
from torch import nn

from edgegan.compression.progressive import residual_blocks
from edgegan.errors import ModelError

FIRST = 1
"""Distilled from the second block on (section 3.4)."""


class Tap:
    """Keeps the outputs of modules.

    Attributes:
        seen: of the last run, in the order of the modules.
    """

    def __init__(self, modules: list[nn.Module]) -> None:
        self.seen: list[torch.Tensor] = []
        for index, module in enumerate(modules):
            module.register_forward_hook(self._keep if index else self._begin)

    def _begin(self, module: nn.Module, inputs: object, output: torch.Tensor) -> None:
        self.seen = [output]

    def _keep(self, module: nn.Module, inputs: object, output: torch.Tensor) -> None:
        self.seen.append(output)


def tap_student(module: nn.Module) -> Tap:
    """Of what the blocks give; compared are the last ones, as many as the teacher's tap has.

    Raises:
        ModelError: if the generator has no such blocks.
    """
    return Tap(list(residual_blocks(module)))


def tap_teacher(module: nn.Module) -> Tap:
    """Of what the blocks from the second on give, normalized.

    Raises:
        ModelError: if the generator has no such blocks.
    """
    blocks = list(residual_blocks(module))
    if len(blocks) <= FIRST:
        raise ModelError(
            f"the teacher {type(module).__name__} has {len(blocks)} residual block; attention maps are "
            "compared from the second on: set `loss.attention` to 0."
        )
    last = module.norm
    assert isinstance(last, nn.Module)
    following: list[nn.Module] = []
    for block in blocks[FIRST + 1 :]:
        norm = block.norm1
        assert isinstance(norm, nn.Module)
        following.append(norm)
    return Tap([*following, last])
