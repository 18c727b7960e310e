"""Values that are the same for all samples."""

from __future__ import annotations

import torch
from torch import nn

from edgegan.lowering.capture import capture
from edgegan.lowering.fold_uniform import FoldUniform
from edgegan.lowering.lower import relative_error
from edgegan.targets import ORT_LOWERING

aten = torch.ops.aten


class Uniform(nn.Module):
    """A repeated constant through layers, zeros, a fixed class; one of them is concatenated."""

    def __init__(self) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.randn(1, 4, 3, 3))
        self.convolution = nn.Conv2d(4, 4, 3, padding=1)
        self.table = nn.Embedding(3, 4)
        self.mix = nn.Linear(8, 4)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        batch = z.shape[0]
        x = torch.relu(self.convolution(self.constant.repeat(batch, 1, 1, 1)))
        y = self.table(torch.full((batch,), 2, dtype=torch.int64))
        style = self.mix(torch.cat([z, y], 1)).view(batch, 4, 1, 1)
        return x * style + y[:, :, None, None] + torch.zeros(batch, 1, 3, 3)


class Numbered(nn.Module):
    """Every sample has another constant: no uniform value."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z + torch.arange(z.shape[0])[:, None]


def test_what_no_input_reaches_is_computed_once() -> None:
    torch.manual_seed(0)
    example = (torch.randn(2, 4),)
    graph = capture(Uniform().eval(), example)
    reference = capture(Uniform().eval(), example)
    reference.load_state_dict(graph.state_dict())
    rewrites = FoldUniform()(graph, ORT_LOWERING)
    assert len(rewrites) == 4
    targets = [node.target for node in graph.graph.nodes]
    assert aten.conv2d.default not in targets and aten.embedding.default not in targets
    assert targets.count(aten.expand.default) == 1  # for the concatenation alone
    for batch in (1, 2, 5):
        assert relative_error(reference, graph, (torch.randn(batch, 4),)) <= 1e-6


def test_what_differs_between_samples_stays() -> None:
    example = (torch.randn(2, 4),)
    graph = capture(Numbered(), example)
    assert FoldUniform()(graph, ORT_LOWERING) == []
