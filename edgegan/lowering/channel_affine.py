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
from edgegan.lowering.layer_scale import LAYERS, layer_before, replace_weights, scale_layer

aten = torch.ops.aten


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
    layer, repeat = layer_before(source, affine.scale.numel())
    behind = list(node.users)
    if layer is not None:
        scale, shift = (v.repeat_interleave(repeat) for v in (affine.scale, affine.shift))
        scale_layer(graph, layer, scale, shift)
        form = "folded into " + path_of(layer)
    elif affine.is_scalar and (layers := _scalable(source)):
        factor = affine.scale[0]
        for each in layers:
            scale_layer(graph, each, factor.expand(_outputs(each)), torch.tensor(0.0))
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


def _is_layer(node: fx.Node) -> bool:
    return is_call(node, *LAYERS) and is_parameter(node.args[1])


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
    replace_weights(graph, layer, weight * affine.scale.view(shape), bias + shift)
