"""Constant factors and summands of activations fold into the layers around them.

``gamma * attention(x)``, ``x / sqrt(2)`` behind a residual addition, ``x * scale + shift`` with a
constant a channel: standing by themselves they would be float islands.
"""

from __future__ import annotations

import torch
from torch import fx

from edgegan.lowering.channel_affine import (
    ChannelAffine,
    as_depthwise_convolution,
    fold_into_layers,
)
from edgegan.lowering.graph import (
    is_call,
    is_parameter,
    path_of,
    read_parameter,
    shape_of,
    tidy,
)
from edgegan.lowering.hoist_activation import ACTIVATIONS, MOVEMENT
from edgegan.lowering.rewrite import Rewrite
from edgegan.targets import LoweringProfile

aten = torch.ops.aten

_AFFINE = (
    aten.add.Tensor,
    aten.sub.Tensor,
    aten.rsub.Scalar,
    aten.mul.Tensor,
    aten.div.Tensor,
)
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


class FoldScaleAndShift:
    name = "fold-scale-and-shift"
    requires: frozenset[object] = frozenset()
    ensures: frozenset[object] = frozenset()

    def __call__(self, graph: fx.GraphModule, profile: LoweringProfile) -> list[Rewrite]:
        done = []
        for node in list(graph.graph.nodes):
            path, form = path_of(node), _fold(graph, node)
            if form is not None:
                done.append(Rewrite(self.name, path, form))
        tidy(graph)
        return done


def _fold(graph: fx.GraphModule, node: fx.Node) -> str | None:
    found = _affine(graph, node)
    if found is None or any(_affine(graph, user) for user in node.users):
        return None  # the last of a chain is folded, with all before it
    source, affine = found
    while len(source.users) == 1 and (before := _affine(graph, source)):
        source, affine = before[0], affine.after(before[1])
    form = fold_into_layers(graph, node, source, affine)
    if form is not None:
        return form
    on_integers = is_call(source, *_ON_INTEGERS) and all(
        is_call(user, *_ON_INTEGERS) for user in node.users
    )
    if len(shape_of(source)) != 4 or not on_integers:
        return None
    as_depthwise_convolution(graph, node, source, affine)
    return "depthwise convolution"


def _affine(graph: fx.GraphModule, node: fx.Node) -> tuple[fx.Node, ChannelAffine] | None:
    """What ``node`` does, and to which tensor; None unless it is one scale and shift a channel."""
    if not is_call(node, *_AFFINE) or node.kwargs or len(node.args) != 2:
        return None
    source = next((a for a in node.args if isinstance(a, fx.Node) and not is_parameter(a)), None)
    shape = () if source is None else shape_of(source)
    constant = _constant(graph, node, shape)
    if source is None or constant is None or shape_of(node) != shape:
        return None
    one, none = torch.ones_like(constant), torch.zeros_like(constant)
    first = node.args[0] is source
    if is_call(node, aten.mul.Tensor):
        return source, ChannelAffine(constant, none)
    if is_call(node, aten.div.Tensor):
        return (source, ChannelAffine(one / constant, none)) if first and constant.all() else None
    if is_call(node, aten.add.Tensor):
        return source, ChannelAffine(one, constant)
    if is_call(node, aten.sub.Tensor) and first:
        return source, ChannelAffine(one, -constant)
    return source, ChannelAffine(-one, constant)


def _constant(graph: fx.GraphModule, node: fx.Node, shape: tuple[int, ...]) -> torch.Tensor | None:
    """The constant operand as float64 ``[C]``; None if there is none, or it is no value a channel."""
    other = [a for a in node.args if not isinstance(a, fx.Node) or is_parameter(a)]
    if len(other) != 1 or len(shape) < 2:
        return None
    value = other[0]
    tensor = read_parameter(graph, value) if isinstance(value, fx.Node) else torch.tensor(value)
    if tensor.numel() == 1:
        return tensor.double().reshape(1).expand(shape[1])
    aligned = [1] * (len(shape) - tensor.ndim) + list(tensor.shape)
    if aligned != [1, shape[1]] + [1] * (len(shape) - 2):
        return None
    return tensor.double().reshape(-1)
