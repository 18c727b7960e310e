"""``silu(x)`` becomes ``x * sigmoid(x)``: both have integer kernels, silu has none."""

from __future__ import annotations

import torch
from torch import fx

from edgegan.lowering.graph import insert_call, is_call, path_of
from edgegan.lowering.rewrite import NodePass
from edgegan.targets import LoweringProfile

aten = torch.ops.aten


class ExpandSilu(NodePass):
    name = "expand-silu"
    ensures: frozenset[object] = frozenset({aten.silu.default})

    def rewrite(self, graph: fx.GraphModule, node: fx.Node, profile: LoweringProfile) -> str | None:
        if not is_call(node, aten.silu.default):
            return None
        path, source = path_of(node), node.args[0]
        gate = insert_call(graph, node, aten.sigmoid.default, (source,), path)
        product = insert_call(graph, node, aten.mul.Tensor, (source, gate), path)
        node.replace_all_uses_with(product)
        return "product with a sigmoid"
