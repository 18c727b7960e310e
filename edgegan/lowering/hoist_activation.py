"""Activations move in front of pure data movement, directly behind the layer that absorbs them.

``relu(shuffle(x)) = shuffle(relu(x))`` for every operator that only moves values. A runtime fuses a
ReLU into an integer convolution only when it follows immediately.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from edgegan.lowering.graph import insert_call, is_call, path_of, tidy
from edgegan.lowering.rewrite import Rewrite
from edgegan.targets import LoweringProfile

aten = torch.ops.aten

ACTIVATIONS = (aten.relu.default, aten.leaky_relu.default)

MOVEMENT = (
    aten.permute.default,
    aten.transpose.int,
    aten.reshape.default,
    aten.slice.Tensor,
    aten.select.int,
    aten.index_select.default,
    aten.pixel_shuffle.default,
    aten.unsqueeze.default,
    aten.squeeze.dims,
    aten.squeeze.dim,
    aten.upsample_nearest2d.vec,
    aten.upsample_nearest2d.default,
)
"""Operators whose output values are input values, in another place."""

SELECTION = (
    *MOVEMENT,
    aten.max_pool2d.default,
    aten.embedding.default,
    aten.reflection_pad2d.default,
    aten.replication_pad2d.default,
)
"""Operators whose output values are input values, moved or picked: they stay on their input's grid."""


class HoistActivation:
    name = "hoist-activation"
    requires: frozenset[object] = frozenset()
    ensures: frozenset[object] = frozenset()

    def __call__(self, graph: fx.GraphModule, profile: LoweringProfile) -> list[Rewrite]:
        moved: dict[str, None] = {}
        waiting = [node for node in graph.graph.nodes if is_call(node, *ACTIVATIONS)]
        while waiting:
            node = waiting.pop()
            source: fx.Node = node.args[0]
            if len(source.users) != 1 or not is_call(source, *MOVEMENT, aten.cat.default):
                continue
            path = path_of(node)
            inputs: Any = source.args[0] if is_call(source, aten.cat.default) else [source.args[0]]
            hoisted = [
                insert_call(graph, source, node.target, (value, *node.args[1:]), path)
                for value in inputs
            ]
            first = hoisted if is_call(source, aten.cat.default) else hoisted[0]
            source.args = (first, *source.args[1:])
            node.replace_all_uses_with(source)
            graph.graph.erase_node(node)
            waiting += hoisted
            moved[path] = None
        tidy(graph)
        return [Rewrite(self.name, path, "in front of data movement") for path in moved]
