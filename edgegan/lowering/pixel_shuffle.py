"""Pixel shuffle behind a convolution, in channels-last order.

The convolution's channels are reordered so that those of one output pixel lie side by side: the shuffle
then moves whole pixels, and its permutations cancel against those of the layers around, where
``DepthToSpace`` would cost two transposes.
"""

from __future__ import annotations

import torch
from torch import fx

from edgegan.lowering.graph import (
    add_parameter,
    argument,
    insert_call,
    is_call,
    is_parameter,
    path_of,
    read_parameter,
    shape_of,
)
from edgegan.lowering.rewrite import NodePass
from edgegan.targets import LoweringProfile

aten = torch.ops.aten


class LowerPixelShuffle(NodePass):
    name = "lower-pixel-shuffle"
    requires: frozenset[object] = frozenset({aten._native_batch_norm_legit_no_training.default})

    def rewrite(self, graph: fx.GraphModule, node: fx.Node, profile: LoweringProfile) -> str | None:
        shuffles = is_call(node, aten.pixel_shuffle.default) and _follows_convolution(node)
        if not profile.channels_last or not shuffles:
            return None
        _lower(graph, node)
        return "channels-last shuffle"


def _follows_convolution(node: fx.Node) -> bool:
    source: fx.Node = node.args[0]  # type: ignore[assignment]
    own = is_call(source, aten.conv2d.default) and len(source.users) == 1
    return own and is_parameter(source.args[1]) and argument(source, 6, 1) == 1


def _lower(graph: fx.GraphModule, node: fx.Node) -> None:
    convolution: fx.Node = node.args[0]  # type: ignore[assignment]
    factor: int = node.args[1]  # type: ignore[assignment]
    path = path_of(node)
    _, channels, height, width = shape_of(node)
    order = torch.arange(channels * factor**2).view(channels, factor**2).t().reshape(-1)
    layer = path_of(convolution) + ".shuffled"
    tensors: list[fx.Node | None] = [convolution.args[1], argument(convolution, 2)]  # type: ignore[list-item]
    ordered = [
        value and add_parameter(graph, convolution, layer, read_parameter(graph, value)[order])
        for value in tensors
    ]
    convolution.args = (convolution.args[0], *ordered, *convolution.args[3:])

    def call(target: object, *args: object) -> fx.Node:
        return insert_call(graph, node, target, args, path)

    rows, columns = height // factor, width // factor
    value = call(aten.permute.default, convolution, [0, 2, 3, 1])
    value = call(aten.reshape.default, value, [-1, rows, columns, factor, factor * channels])
    value = call(aten.permute.default, value, [0, 1, 3, 2, 4])
    value = call(aten.reshape.default, value, [-1, height, width, channels])
    node.replace_all_uses_with(call(aten.permute.default, value, [0, 3, 1, 2]))
