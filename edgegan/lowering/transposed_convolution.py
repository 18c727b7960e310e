"""Transposed convolution becomes a convolution and a shuffle (any kernel, stride, padding, dilation).

Runtimes leave transposed convolutions in float even between quantizers; the polyphase form
(`polyphase.py`) runs in int8. A 1x1 input (the first layer of a DCGAN) meets each output
pixel through one tap at most, so it becomes a 1x1 convolution to all pixels at once.
"""

from __future__ import annotations

import torch
from torch import fx

from edgegan.lowering.forms import choose_form
from edgegan.lowering.graph import (
    add_parameter,
    argument,
    insert_call,
    is_call,
    is_parameter,
    pair,
    path_of,
    shape_of,
)
from edgegan.lowering.layer_scale import read_layer
from edgegan.lowering.phase_convolution import PhaseLayer, emit_phase_convolution
from edgegan.lowering.polyphase import Axis, transposed_convolution_axis
from edgegan.lowering.rewrite import NodePass
from edgegan.targets import LoweringProfile

aten = torch.ops.aten


class LowerTransposedConvolution(NodePass):
    name = "lower-transposed-convolution"
    requires: frozenset[object] = frozenset({aten._native_batch_norm_legit_no_training.default})

    def rewrite(self, graph: fx.GraphModule, node: fx.Node, profile: LoweringProfile) -> str | None:
        if not is_call(node, aten.conv_transpose2d.input) or not is_parameter(node.args[1]):
            return None
        output, form = _lower(graph, node, profile)
        node.replace_all_uses_with(output)
        return form


def _lower(graph: fx.GraphModule, node: fx.Node, profile: LoweringProfile) -> tuple[fx.Node, str]:
    source: fx.Node = node.args[0]  # type: ignore[assignment]
    weight, bias = read_layer(graph, node)
    stride, padding = pair(argument(node, 3, 1)), pair(argument(node, 4, 0))
    extra, groups, dilation = (
        pair(argument(node, 5, 0)),
        argument(node, 6, 1),
        pair(argument(node, 7, 1)),
    )
    sizes = shape_of(source)[2:]
    height, width = (
        transposed_convolution_axis(size, k, s, p, e, d)
        for size, k, s, p, e, d in zip(
            sizes, weight.shape[2:], stride, padding, extra, dilation, strict=True
        )
    )
    inputs, per_group = weight.shape[:2]
    channels = per_group * groups
    if sizes == (1, 1) and groups == 1:
        return _emit_pointwise(graph, node, weight, bias, height, width), "pointwise convolution"
    # [C_in, C_out / groups, k, k] to the convolution layout [C_out, C_in / groups, k, k]
    grouped = weight.view(groups, inputs // groups, per_group, *weight.shape[2:])
    layout = grouped.transpose(1, 2).reshape(channels, inputs // groups, *weight.shape[2:])
    layer = PhaseLayer(source, layout, bias, height, width, groups)
    form = choose_form(layer.weight.shape, height, width, layer.groups, profile)
    return emit_phase_convolution(graph, node, layer, form, profile), str(form)


def _emit_pointwise(
    graph: fx.GraphModule,
    node: fx.Node,
    weight: torch.Tensor,
    bias: torch.Tensor,
    height: Axis,
    width: Axis,
) -> fx.Node:
    """One matrix from the input pixel to all output pixels.

    Outputs are ordered channels-last, so that the following convolution needs no transpose. A 1x1
    convolution runs faster than a linear layer at batch 1 (11 % of a whole DCGAN-32) and slower at
    batch 16 (6 %): edge devices run batch 1.
    """
    path = path_of(node)
    inputs, channels = weight.shape[:2]
    matrix = weight.new_zeros(height.output_size, width.output_size, channels, inputs)
    for row, row_tap in _single_taps(height):
        for column, column_tap in _single_taps(width):
            matrix[row, column] = weight[:, :, row_tap, column_tap].t()
    pixels = height.output_size * width.output_size
    weight_node = add_parameter(graph, node, path + ".weight", matrix.reshape(-1, inputs, 1, 1))
    bias_node = add_parameter(graph, node, path + ".bias", bias.repeat(pixels))

    def call(target: object, *args: object) -> fx.Node:
        return insert_call(graph, node, target, args, path)

    product = call(aten.conv2d.default, node.args[0], weight_node, bias_node)
    shape = [-1, height.output_size, width.output_size, channels]
    return call(aten.permute.default, call(aten.reshape.default, product, shape), [0, 3, 1, 2])


def _single_taps(axis: Axis) -> list[tuple[int, int]]:
    """Pairs (output index, tap) of an axis whose input has length 1."""
    scale = len(axis.taps)
    return [
        (output, tap)
        for output in range(axis.output_size)
        for offset, tap in axis.taps[output % scale]
        if output // scale + offset == 0
    ]
