"""The larger operand of an addition or product first, so that what is broadcast over it comes second.

ONNX Runtime rounds an integer addition whose first operand is broadcast otherwise than one whose second is:
``fma(b, r_b, fma(a, r_a, c))`` for ``fma(a, r_a, fma(b, r_b, c))``. Which of them is broadcast along memory
depends on the layout that it chooses; written so, both are the same.
"""

from __future__ import annotations

import math

import torch
from torch import fx

from edgegan.lowering.graph import is_call, shape_of
from edgegan.lowering.rewrite import Rewrite
from edgegan.targets import LoweringProfile

aten = torch.ops.aten


class LargerFirst:
    name = "larger-first"
    requires: frozenset[object] = frozenset()
    ensures: frozenset[object] = frozenset()

    def __call__(self, graph: fx.GraphModule, profile: LoweringProfile) -> list[Rewrite]:
        for node in graph.graph.nodes:
            if not is_call(node, aten.add.Tensor, aten.mul.Tensor) or node.kwargs:
                continue
            a, b = node.args
            if isinstance(a, fx.Node) and isinstance(b, fx.Node) and _size(a) < _size(b):
                node.args = (b, a)
        graph.recompile()
        return []


def _size(node: fx.Node) -> int:
    return math.prod(shape_of(node))
