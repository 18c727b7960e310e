"""Layers that take a scale and a shift of their output into their weight and bias."""

from __future__ import annotations

import torch
from torch import fx

from edgegan.lowering.graph import (
    add_parameter,
    argument,
    is_call,
    path_of,
    read_parameter,
    shape_of,
)

aten = torch.ops.aten

NORMS: frozenset[object] = frozenset({aten._native_batch_norm_legit_no_training.default})
LAYERS = (aten.conv2d.default, aten.conv_transpose2d.input, aten.linear.default)


def channel_axis(layer: fx.Node) -> int:
    """Which axis of the output of one of ``LAYERS`` is that of its channels."""
    return len(shape_of(layer)) - 1 if is_call(layer, aten.linear.default) else 1


def read_layer(graph: fx.GraphModule, layer: fx.Node) -> tuple[torch.Tensor, torch.Tensor]:
    """The weight of one of ``LAYERS`` and its bias ``[C]``, zeros where it has none; float32."""
    weight = read_parameter(graph, layer.args[1])  # type: ignore[arg-type]
    bias = argument(layer, 2)
    if bias is None:
        return weight, weight.new_zeros(shape_of(layer)[channel_axis(layer)])
    return weight, read_parameter(graph, bias)


def affine_of(graph: fx.GraphModule, norm: fx.Node) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and shift, float64 ``[C]``, of a batch norm, or an instance norm with running statistics."""
    gamma, beta, mean, variance = (
        None if node is None else read_parameter(graph, node).double()  # type: ignore[arg-type]
        for node in norm.args[1:5]
    )
    assert mean is not None and variance is not None
    epsilon: float = norm.args[6 if is_call(norm, *NORMS) else 7]  # type: ignore[assignment]
    scale = torch.rsqrt(variance + epsilon) * (1.0 if gamma is None else gamma)
    return scale, (0.0 if beta is None else beta) - mean * scale


def scale_layer(
    graph: fx.GraphModule, layer: fx.Node, scale: torch.Tensor, shift: torch.Tensor
) -> None:
    """Multiply the layer's output by ``scale`` and add ``shift``; a shared weight is copied first."""
    weight, bias = (value.double() for value in read_layer(graph, layer))
    if is_call(layer, aten.conv_transpose2d.input):
        groups = argument(layer, 6, 1)
        grouped = weight.view(groups, weight.shape[0] // groups, *weight.shape[1:])
        scaled = (grouped * scale.view(groups, 1, -1, 1, 1)).view_as(weight)
    else:
        scaled = weight * scale.view([-1] + [1] * (weight.ndim - 1))
    replace_weights(graph, layer, scaled, bias * scale + shift)


def replace_weights(
    graph: fx.GraphModule, layer: fx.Node, weight: torch.Tensor, bias: torch.Tensor
) -> None:
    """Give the layer a weight and a bias of its own, rounded to float32."""
    path = path_of(layer)
    new_weight = add_parameter(graph, layer, path + ".weight", weight.float())
    new_bias = add_parameter(graph, layer, path + ".bias", bias.float())
    layer.args = (layer.args[0], new_weight, new_bias, *layer.args[3:])
