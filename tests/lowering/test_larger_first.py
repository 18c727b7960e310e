from __future__ import annotations

import pytest
import torch
from torch import nn

from edgegan.runtimes.ort import OrtRuntime
from tests.emitted import emitted
from tests.machine import requires_exact_cpu


class Shifted(nn.Module):
    """What is broadcast comes first, as people write it too."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(4, 8, 1), nn.Conv2d(8, 3, 1)
        self.shift, self.gain = nn.Linear(4, 8), nn.Linear(4, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        style = x[:, :, 0, 0]
        shift, gain = (part(style)[:, :, None, None] for part in (self.shift, self.gain))
        image: torch.Tensor = self.last((shift + gain * self.first(x)).relu())
        return image


@requires_exact_cpu
@pytest.mark.parametrize("side", [12, 1])
def test_the_larger_operand_comes_first(side: int) -> None:
    model = emitted(Shifted(), (4, side, side))
    joins = [
        [a.meta["val"].numel() for a in node.args]
        for node in model.placed.graph.graph.nodes
        if node.target in (torch.ops.aten.add.Tensor, torch.ops.aten.mul.Tensor)
    ]
    assert joins and all(first >= second for first, second in joins)
    assert model.parity(OrtRuntime()).max_lsb == 0
