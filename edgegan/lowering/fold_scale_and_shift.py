"""Constant factors and summands of activations fold into the layers around them.

``gamma * attention(x)``, ``x·√2``, ``x / sqrt(2)`` behind a residual addition, ``x + strength·noise``:
standing by themselves, each would be an operator on a whole feature map, and most a float island.
"""

from __future__ import annotations

import torch
from torch import fx

from edgegan.lowering.affine_before import affine_of_call
from edgegan.lowering.channel_affine import as_depthwise_convolution, fold_before, fold_behind
from edgegan.lowering.graph import is_call, shape_of
from edgegan.lowering.hoist_activation import ACTIVATIONS, MOVEMENT
from edgegan.lowering.rewrite import NodePass
from edgegan.targets import LoweringProfile

aten = torch.ops.aten

_ON_INTEGERS = (
    aten.conv2d.default,
    aten.conv_transpose2d.input,
    aten.linear.default,
    aten.add.Tensor,
    aten.mul.Tensor,
    aten.cat.default,
    *ACTIVATIONS,
    *MOVEMENT,
)
"""What runs on integers: a depthwise convolution pays only between two of these."""


class FoldScaleAndShift(NodePass):
    name = "fold-scale-and-shift"
    requires: frozenset[object] = frozenset({aten.view.default, aten._unsafe_view.default})

    def rewrite(self, graph: fx.GraphModule, node: fx.Node, profile: LoweringProfile) -> str | None:
        return _fold(graph, node)


def _fold(graph: fx.GraphModule, node: fx.Node) -> str | None:
    found = affine_of_call(graph, node)
    if found is None:
        return None
    source, affine = found
    form = fold_before(graph, node, source, affine)
    if form is not None:
        return form
    if any(affine_of_call(graph, user) for user in node.users):
        return None  # the last of a chain is folded, with all before it
    while len(source.users) == 1 and (first := affine_of_call(graph, source)):
        source, affine = first[0], affine.after(first[1])
    form = fold_before(graph, node, source, affine) or fold_behind(graph, node, source, affine)
    if form is not None:
        return form
    on_integers = is_call(source, *_ON_INTEGERS) and all(
        is_call(user, *_ON_INTEGERS) for user in node.users
    )
    shape = shape_of(source)
    if len(shape) != 4 or not on_integers or affine.along(1, shape) is None:
        return None
    as_depthwise_convolution(graph, node, source, affine)
    return "depthwise convolution"
