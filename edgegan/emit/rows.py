"""Matrix products with a constant as convolutions whose image has a pixel for each row.

``[N, K] @ [K, O]`` is a 1x1 convolution of one image of N x 1 pixels with K channels. In ONNX Runtime,
whose integer convolutions work in channels-last order, nothing moves in memory, and its convolution beats
its matrix product: 32 against 72 µs for K = 100, O = 8192, N = 1 and 67 against 141 µs for N = 16 (one
thread with AVX-512 VNNI), 0.39 against 0.82 million instructions on a Cortex-A76; small layers gain little.
The numbers are the same: both add up 32-bit integers and round them by the same formula.

This is done to what is emitted alone: everything before counts samples along the first axis.
"""

from __future__ import annotations

import copy

import torch
from torch import fx

from edgegan.emit.grids import insert_on_grid
from edgegan.lowering.graph import (
    add_parameter,
    argument,
    insert_call,
    is_call,
    is_parameter,
    path_of,
    read_parameter,
    shape_of,
    tidy,
)
from edgegan.quantization.fake_quantize import FAKE_QUANTIZE
from edgegan.quantization.placement import WEIGHT_QUANTIZERS

aten = torch.ops.aten


def rows_as_pixels(graph: fx.GraphModule) -> fx.GraphModule:
    """A copy of a graph in which matrix products with constants are such convolutions.

    Linear layers on two axes and 1x1 convolutions of images of one pixel. Where they stand between
    quantizers, what moves their values is given the same grids; all quantizers that were there keep their
    shapes.
    """
    graph = copy.deepcopy(graph)
    for node in list(graph.graph.nodes):
        if _is_matrix_product(node):
            _rewrite(graph, node)
    tidy(graph)
    return graph


def _is_matrix_product(node: fx.Node) -> bool:
    if not is_call(node, aten.linear.default, aten.conv2d.default):
        return False
    weight: fx.Node = node.args[1]  # type: ignore[assignment]
    if not is_parameter(weight.args[0] if is_call(weight, *WEIGHT_QUANTIZERS) else weight):
        return False
    if is_call(node, aten.linear.default):
        return len(shape_of(node)) == 2
    one_pixel = shape_of(node)[2:] == shape_of(node.args[0])[2:] == (1, 1)  # type: ignore[arg-type]
    return one_pixel and shape_of(weight)[2:] == (1, 1) and argument(node, 6, 1) == 1


def _rewrite(graph: fx.GraphModule, node: fx.Node) -> None:
    path, shape = path_of(node), shape_of(node)
    source, weight = node.args[:2]
    assert isinstance(source, fx.Node) and isinstance(weight, fx.Node)
    outputs, inputs = shape_of(weight)[:2]
    last = _behind(node, aten.relu.default) or node
    behind = _behind(last, FAKE_QUANTIZE)

    def call(target: object, *args: object, grid: fx.Node | None = None) -> fx.Node:
        return insert_on_grid(graph, node, target, args, path, grid)

    image = call(aten.reshape.default, source, [1, -1, 1, inputs], grid=source)
    image = call(aten.permute.default, image, [0, 3, 1, 2], grid=source)
    args = (image, _kernel(graph, node, weight), argument(node, 2))
    has_relu = last is not node
    value = call(aten.conv2d.default, *args, grid=None if has_relu else behind)
    if has_relu:
        value = call(aten.relu.default, value, grid=behind)
    value = call(aten.permute.default, value, [0, 2, 3, 1], grid=behind)
    last.replace_all_uses_with(call(aten.reshape.default, value, [-1, outputs, *shape[2:]]))


def _behind(node: fx.Node, target: object) -> fx.Node | None:
    """The only reader of ``node``, if it calls ``target``."""
    users = list(node.users)
    return users[0] if len(users) == 1 and is_call(users[0], target) else None


def _kernel(graph: fx.GraphModule, node: fx.Node, weight: fx.Node) -> fx.Node:
    """A matrix ``[O, K]`` as ``[O, K, 1, 1]``."""
    if len(shape_of(weight)) == 4:
        return weight
    quantized = is_call(weight, *WEIGHT_QUANTIZERS)
    constant: fx.Node = weight.args[0] if quantized else weight  # type: ignore[assignment]
    matrix = read_parameter(graph, constant)[:, :, None, None]
    kernel = add_parameter(graph, node, str(constant.target), matrix)
    if not quantized:
        return kernel
    return insert_call(graph, node, weight.target, (kernel, *weight.args[1:]), path_of(node))
