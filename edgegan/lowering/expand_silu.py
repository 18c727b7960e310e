"""``silu(x)`` becomes ``x * sigmoid(x)``: both have integer kernels, silu has none."""

from __future__ import annotations

import torch
from torch import fx

from edgegan.lowering.graph import insert_call, is_call, path_of, tidy
from edgegan.lowering.rewrite import Rewrite
from edgegan.targets import LoweringProfile

aten = torch.ops.aten


class ExpandSilu:
    name = "expand-silu"
    requires: frozenset[object] = frozenset()
    ensures: frozenset[object] = frozenset({aten.silu.default})

    def __call__(self, graph: fx.GraphModule, profile: LoweringProfile) -> list[Rewrite]:
        done = []
        for node in list(graph.graph.nodes):
            if is_call(node, aten.silu.default):
                path, source = path_of(node), node.args[0]
                gate = insert_call(graph, node, aten.sigmoid.default, (source,), path)
                product = insert_call(graph, node, aten.mul.Tensor, (source, gate), path)
                node.replace_all_uses_with(product)
                done.append(Rewrite(self.name, path, "product with a sigmoid"))
        tidy(graph)
        return done
