"""Linear layers become 1x1 convolutions, for runtimes without an integer matrix product.

TensorRT-RTX refuses matrix products on some GPUs (compute capability 7.5) and takes the convolution on
all.
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


class LinearAsConvolution(NodePass):
    name = "linear-as-convolution"

    def rewrite(self, graph: fx.GraphModule, node: fx.Node, profile: LoweringProfile) -> str | None:
        if not profile.linear_as_convolution or not _is_matrix_layer(node):
            return None
        node.replace_all_uses_with(_lower(graph, node))
        return "1x1 convolution"


def _is_matrix_layer(node: fx.Node) -> bool:
    is_layer = is_call(node, aten.linear.default) and is_parameter(node.args[1])
    return is_layer and len(shape_of(node)) == 2


def _lower(graph: fx.GraphModule, node: fx.Node) -> fx.Node:
    path = path_of(node)
    weight = read_parameter(graph, node.args[1])  # type: ignore[arg-type]
    kernel = add_parameter(graph, node, path + ".weight", weight[:, :, None, None])
    outputs, inputs = weight.shape
    pixel = insert_call(graph, node, aten.reshape.default, (node.args[0], [-1, inputs, 1, 1]), path)
    args = (pixel, kernel, argument(node, 2))
    product = insert_call(graph, node, aten.conv2d.default, args, path)
    return insert_call(graph, node, aten.reshape.default, (product, [-1, outputs]), path)
