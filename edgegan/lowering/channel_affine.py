"""A scale and a shift of every channel, folded into the layers around.

In the order of what they cost: the layer before takes both; the layers behind take them where no zero
padding lies between (zeros would have to be scaled and shifted, too: a padded layer takes a scale
alone); else they become a depthwise 1x1 convolution, which runs in int8. One factor for all channels
also goes back through additions, matrix products and data movement. Arithmetic is float64, rounded to
float32 once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import fx

from edgegan.lowering.channels_last_products import PRODUCTS
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
from edgegan.lowering.hoist_activation import MOVEMENT

aten = torch.ops.aten

_LAYERS = (aten.conv2d.default, aten.conv_transpose2d.input, aten.linear.default)


@dataclass(frozen=True)
class ChannelAffine:
    """``scale * x + shift`` along axis 1.

    Attributes:
        scale, shift: float64 ``[C]``.
    """

    scale: torch.Tensor
    shift: torch.Tensor

    @property
    def is_scalar(self) -> bool:
        """Whether it is one factor for all channels and no shift."""
        return not self.shift.any() and bool((self.scale == self.scale[0]).all())

    def after(self, first: ChannelAffine) -> ChannelAffine:
        """``self(first(x))``."""
        return ChannelAffine(self.scale * first.scale, self.scale * first.shift + self.shift)


def fold_into_layers(
    graph: fx.GraphModule, node: fx.Node, source: fx.Node, affine: ChannelAffine
) -> str | None:
    """Make the layers in front of ``node`` or behind it compute ``affine``; ``node`` drops out.

    Args:
        node: computes ``affine`` of ``source``.

    Returns:
        What was done, or None if there is no such layer.
    """
    layer, repeat = _layer_before(source, affine.scale.numel())
    behind = list(node.users)
    if layer is not None:
        scale, shift = (v.repeat_interleave(repeat) for v in (affine.scale, affine.shift))
        _scale_outputs(graph, layer, scale, shift)
        form = "folded into " + path_of(layer)
    elif affine.is_scalar and (layers := _scalable(source)):
        factor = affine.scale[0]
        for each in layers:
            _scale_outputs(graph, each, factor.expand(_outputs(each)), torch.tensor(0.0))
        form = "folded into " + ", ".join(path_of(each) for each in layers)
    elif behind and all(_takes_inputs(user, node, affine) for user in behind):
        for user in behind:
            _scale_inputs(graph, user, affine)
        form = "folded into " + ", ".join(dict.fromkeys(path_of(user) for user in behind))
    else:
        return None
    _put(graph, node, source)
    return form


def as_depthwise_convolution(
    graph: fx.GraphModule, node: fx.Node, source: fx.Node, affine: ChannelAffine
) -> None:
    """Replace ``node``, which computes ``affine`` of ``source`` ``[N, C, H, W]``."""
    path = path_of(node)
    weight = add_parameter(graph, node, path + ".weight", affine.scale.float().view(-1, 1, 1, 1))
    bias = add_parameter(graph, node, path + ".bias", affine.shift.float())
    args = (source, weight, bias, [1, 1], [0, 0], [1, 1], affine.scale.numel())
    _put(graph, node, insert_call(graph, node, aten.conv2d.default, args, path))


def _put(graph: fx.GraphModule, node: fx.Node, value: fx.Node) -> None:
    """``value`` in the place of ``node``, which goes at once: layers are asked for their readers."""
    node.replace_all_uses_with(value)
    while not node.users and node.op == "call_function":
        before = [a for a in node.all_input_nodes if not is_parameter(a)]
        graph.graph.erase_node(node)
        node = before[0]


def _layer_before(source: fx.Node, channels: int) -> tuple[fx.Node | None, int]:
    """The layer whose only reader is the norm, and how many of its outputs share a norm channel.

    Looks through one reshape of a linear layer's output to ``[N, C, ...]``.
    """
    if len(source.users) != 1:
        return None, 1
    if is_call(source, aten.reshape.default):
        linear = source.args[0]
        if is_call(linear, aten.linear.default) and len(linear.users) == 1:  # type: ignore[union-attr]
            outputs = shape_of(linear)  # type: ignore[arg-type]
            split = shape_of(source)
            if len(outputs) == 2 and split[1] == channels and outputs[1] % channels == 0:
                return linear, outputs[1] // channels  # type: ignore[return-value]
        return None, 1
    if _is_layer(source):
        is_matrix = is_call(source, aten.linear.default) and len(shape_of(source)) != 2
        return (None, 1) if is_matrix else (source, 1)
    return None, 1


def _is_layer(node: fx.Node) -> bool:
    return is_call(node, *_LAYERS) and is_parameter(node.args[1])


def _scalable(node: fx.Node) -> list[fx.Node]:
    """Layers which, all scaled by one factor, scale ``node`` alone by it; empty if there are none."""
    if len(node.users) != 1:
        return []
    if _is_layer(node):
        return [node]
    if is_call(node, *MOVEMENT):
        return _scalable(node.args[0])  # type: ignore[arg-type]
    both = [each for each in node.args[:2] if isinstance(each, fx.Node)]
    if is_call(node, *PRODUCTS):
        return next((found for each in both if (found := _scalable(each))), [])
    if is_call(node, aten.add.Tensor) and len(both) == 2 and not node.kwargs:
        sides = [_scalable(each) for each in both]
        return sides[0] + sides[1] if all(sides) else []
    return []


def _outputs(layer: fx.Node) -> int:
    return shape_of(layer)[-1 if is_call(layer, aten.linear.default) else 1]


def _scale_outputs(
    graph: fx.GraphModule, layer: fx.Node, scale: torch.Tensor, shift: torch.Tensor
) -> None:
    """Multiply the layer's output by ``scale`` and add ``shift``; a shared weight is copied first."""
    weight_node: fx.Node = layer.args[1]  # type: ignore[assignment]
    weight = read_parameter(graph, weight_node).double()
    bias_node = argument(layer, 2)
    bias = 0.0 if bias_node is None else read_parameter(graph, bias_node).double()
    if is_call(layer, aten.conv_transpose2d.input):
        groups = argument(layer, 6, 1)
        grouped = weight.view(groups, weight.shape[0] // groups, *weight.shape[1:])
        scaled = (grouped * scale.view(groups, 1, -1, 1, 1)).view_as(weight)
    else:
        scaled = weight * scale.view([-1] + [1] * (weight.ndim - 1))
    _replace(graph, layer, scaled, bias * scale + shift)


def _takes_inputs(user: fx.Node, value: fx.Node, affine: ChannelAffine) -> bool:
    """Whether a layer behind can compute ``affine`` of its input by itself."""
    if not is_call(user, aten.conv2d.default, aten.linear.default) or not _is_layer(user):
        return False
    if user.args[0] is not value or shape_of(user.args[1])[1] != affine.scale.numel():  # type: ignore[arg-type]
        return False  # grouped, or over another axis
    padding = argument(user, 4, 0) if is_call(user, aten.conv2d.default) else 0
    padded = any(padding) if isinstance(padding, list | tuple) else padding != 0
    return not padded or not affine.shift.any()


def _scale_inputs(graph: fx.GraphModule, layer: fx.Node, affine: ChannelAffine) -> None:
    weight = read_parameter(graph, layer.args[1]).double()  # type: ignore[arg-type]
    bias_node = argument(layer, 2)
    bias = 0.0 if bias_node is None else read_parameter(graph, bias_node).double()
    shape = [1, -1] + [1] * (weight.ndim - 2)
    shift = (weight * affine.shift.view(shape)).flatten(1).sum(1)
    _replace(graph, layer, weight * affine.scale.view(shape), bias + shift)


def _replace(
    graph: fx.GraphModule, layer: fx.Node, weight: torch.Tensor, bias: torch.Tensor
) -> None:
    path = path_of(layer)
    new_weight = add_parameter(graph, layer, path + ".weight", weight.float())
    new_bias = add_parameter(graph, layer, path + ".bias", bias.float())
    layer.args = (layer.args[0], new_weight, new_bias, *layer.args[3:])
