"""Small graphs built by hand, without the cost of a capture."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx, nn

from edgegan.lowering.graph import annotate_shapes


class Builder:
    """Builds a graph of ATen calls on one input."""

    def __init__(self, example: torch.Tensor) -> None:
        self.root = nn.Module()
        self.graph = fx.Graph()
        self.example = example
        self.input = self.graph.placeholder("x")

    def parameter(self, name: str, value: torch.Tensor) -> fx.Node:
        self.root.register_parameter(name, nn.Parameter(value, requires_grad=False))
        return self.graph.get_attr(name)

    def call(self, target: Any, *args: Any) -> fx.Node:
        node = self.graph.call_function(target, args)
        node.meta["path"] = node.name
        return node

    def finish(self, output: fx.Node) -> fx.GraphModule:
        self.graph.output(output)
        module = fx.GraphModule(self.root, self.graph)
        annotate_shapes(module, (self.example,))
        return module


def relative_error(expected: torch.Tensor, actual: torch.Tensor) -> float:
    expected, actual = expected.detach(), actual.detach()
    assert expected.shape == actual.shape
    scale = expected.abs().max().clamp_min(1e-30)
    return float((expected.double() - actual.double()).abs().max() / scale)
