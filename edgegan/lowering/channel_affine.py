"""A constant scale and shift of a tensor, folded into the layers around.

In the order of what they cost: what computes the tensor takes both (``affine_before``); the layers behind
take them where no zero padding lies between (zeros would have to be scaled and shifted, too: a padded
layer takes a scale alone); else they become a depthwise 1x1 convolution, which runs in int8.
"""

from __future__ import annotations

import torch
from torch import fx

from edgegan.lowering.affine import Affine
from edgegan.lowering.affine_before import taken_before
from edgegan.lowering.graph import (
    add_parameter,
    argument,
    insert_call,
    is_call,
    is_parameter,
    path_of,
    shape_of,
)
from edgegan.lowering.layer_scale import read_layer, replace_weights

aten = torch.ops.aten


def fold_before(
    graph: fx.GraphModule, node: fx.Node, source: fx.Node, affine: Affine
) -> str | None:
    """Make ``source`` compute ``affine`` of itself; ``node``, which did so, drops out.

    Returns:
        What was done, or None if nothing before can.
    """
    changes = taken_before(graph, source, affine)
    if changes is None:
        return None
    for change in changes:
        change.make()
    _put(graph, node, source)
    return "folded into " + ", ".join(dict.fromkeys(change.path for change in changes))


def fold_behind(
    graph: fx.GraphModule, node: fx.Node, source: fx.Node, affine: Affine
) -> str | None:
    """As ``fold_before``, with the layers that read ``node``; one number a channel."""
    channels, behind = affine.along(1, shape_of(source)), list(node.users)
    if channels is None or not behind:
        return None
    if not all(_takes_inputs(user, node, channels) for user in behind):
        return None
    for user in behind:
        _scale_inputs(graph, user, channels)
    form = "folded into " + ", ".join(dict.fromkeys(path_of(user) for user in behind))
    _put(graph, node, source)
    return form


def as_depthwise_convolution(
    graph: fx.GraphModule, node: fx.Node, source: fx.Node, affine: Affine
) -> None:
    """Replace ``node``, which computes ``affine``, one number a channel, of ``source`` ``[N, C, H, W]``."""
    path, channels = path_of(node), affine.along(1, shape_of(source))
    assert channels is not None
    weight = add_parameter(graph, node, path + ".weight", channels.scale.float().view(-1, 1, 1, 1))
    bias = add_parameter(graph, node, path + ".bias", channels.shift.float())
    args = (source, weight, bias, [1, 1], [0, 0], [1, 1], channels.scale.numel())
    _put(graph, node, insert_call(graph, node, aten.conv2d.default, args, path))


def _put(graph: fx.GraphModule, node: fx.Node, value: fx.Node) -> None:
    """``value`` in the place of ``node``, which goes at once: layers are asked for their readers."""
    node.replace_all_uses_with(value)
    while not node.users and node.op == "call_function":
        before = [a for a in node.all_input_nodes if not is_parameter(a)]
        graph.graph.erase_node(node)
        node = before[0]


def _takes_inputs(user: fx.Node, value: fx.Node, channels: Affine) -> bool:
    """Whether a layer behind can compute ``channels`` of its input by itself."""
    if not is_call(user, aten.conv2d.default, aten.linear.default):
        return False
    if user.args[0] is not value or not is_parameter(user.args[1]):
        return False
    if shape_of(user.args[1])[1] != channels.scale.numel():  # type: ignore[arg-type]
        return False  # grouped, or over another axis
    if is_call(user, aten.linear.default) and len(shape_of(user)) != 2:
        return False
    padding = argument(user, 4, 0) if is_call(user, aten.conv2d.default) else 0
    padded = any(padding) if isinstance(padding, list | tuple) else padding != 0
    return not padded or not channels.shifts


def _scale_inputs(graph: fx.GraphModule, layer: fx.Node, channels: Affine) -> None:
    weight, bias = (value.double() for value in read_layer(graph, layer))
    shape = [1, -1] + [1] * (weight.ndim - 2)
    shift = (weight * channels.shift.view(shape)).flatten(1).sum(1)
    replace_weights(graph, layer, weight * channels.scale.view(shape), bias + shift)
