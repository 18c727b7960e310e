"""Compound operators are written as the sums and products that other passes understand.

``torch.lerp`` (truncation), ``addcmul`` (norms by hand), ``1 - x`` and ``-x``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from edgegan.lowering.graph import insert_call, is_call, path_of, tidy
from edgegan.lowering.rewrite import Rewrite
from edgegan.targets import LoweringProfile

aten = torch.ops.aten

_COMPOUND: frozenset[object] = frozenset(
    {
        aten.lerp.Scalar,
        aten.lerp.Tensor,
        aten.addcmul.default,
        aten.rsub.Scalar,
        aten.neg.default,
    }
)


class SpellOut:
    name = "spell-out"
    requires: frozenset[object] = frozenset()
    ensures: frozenset[object] = frozenset()

    def __call__(self, graph: fx.GraphModule, profile: LoweringProfile) -> list[Rewrite]:
        for node in list(graph.graph.nodes):
            if is_call(node, *_COMPOUND) and not node.kwargs:
                node.replace_all_uses_with(_spelled(graph, node))
        tidy(graph)
        return []


def _spelled(graph: fx.GraphModule, node: fx.Node) -> fx.Node:
    def call(target: Any, *args: Any) -> fx.Node:
        return insert_call(graph, node, target, args, path_of(node))

    first, *rest = node.args
    if is_call(node, aten.lerp.Scalar, aten.lerp.Tensor):
        end, weight = rest
        step = call(aten.mul.Tensor, call(aten.sub.Tensor, end, first), weight)
        return call(aten.add.Tensor, step, first)
    if is_call(node, aten.addcmul.default):
        return call(aten.add.Tensor, call(aten.mul.Tensor, *rest[:2]), first)
    negative = call(aten.mul.Tensor, first, -1.0)
    return negative if is_call(node, aten.neg.default) else call(aten.add.Tensor, negative, rest[0])
