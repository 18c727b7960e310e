"""A filter that all channels share, run as a batch of one-channel images, becomes a depthwise convolution.

Blurs are written ``conv2d(x.reshape(N·C, 1, H, W), filter)``; the channels then hide in the batch, where
neither the quantizers nor the following layers find them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from edgegan.lowering.graph import (
    EXAMPLE_BATCH,
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


class LowerSharedFilter(NodePass):
    name = "lower-shared-filter"
    requires: frozenset[object] = frozenset({aten.view.default, aten._unsafe_view.default})

    def rewrite(self, graph: fx.GraphModule, node: fx.Node, profile: LoweringProfile) -> str | None:
        return "depthwise convolution" if _lower(graph, node) else None


def _lower(graph: fx.GraphModule, node: fx.Node) -> bool:
    if not is_call(node, aten.conv2d.default) or not is_parameter(node.args[1]):
        return False
    weight = read_parameter(graph, node.args[1])  # type: ignore[arg-type]
    pad: Any = node.args[0] if is_call(node.args[0], aten.constant_pad_nd.default) else None
    folded: Any = node.args[0] if pad is None else pad.args[0]
    if weight.shape[:2] != (1, 1) or not is_call(folded, aten.reshape.default):
        return False
    source: fx.Node = folded.args[0]
    batch, channels = shape_of(source)[:2]
    images = (batch * channels, 1, *shape_of(source)[2:])
    back = [(batch, channels, *shape_of(node)[2:])] * len(node.users)
    unfolds = all(is_call(user, aten.reshape.default) for user in node.users)
    if batch != EXAMPLE_BATCH or shape_of(folded) != images or not unfolds:
        return False
    if [shape_of(user) for user in node.users] != back or (pad and len(pad.args[1]) > 4):
        return False
    path = path_of(node)
    kernel = add_parameter(graph, node, path + ".weight", weight.repeat(channels, 1, 1, 1))
    bias = argument(node, 2)
    if bias is not None:
        value = read_parameter(graph, bias).repeat(channels)
        bias = add_parameter(graph, node, path + ".bias", value)
    if pad is not None:
        source = insert_call(graph, node, pad.target, (source, *pad.args[1:]), path)
    geometry = [
        argument(node, index, default) for index, default in ((3, [1, 1]), (4, [0, 0]), (5, [1, 1]))
    ]
    args = (source, kernel, bias, *geometry, channels)
    result = insert_call(graph, node, aten.conv2d.default, args, path)
    for user in list(node.users):
        user.replace_all_uses_with(result)
    return True
