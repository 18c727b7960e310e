"""A constant scale and shift of a tensor, taken over by what computes the tensor.

On its way back to the layers that can hold it, a scale passes activations (if it is positive), data
movement and matrix products (if it is one factor), a product with another tensor, and both sides of a sum;
a shift passes one side of a sum. Constants that are met on the way take it, too. Nothing is changed where
someone else reads the tensor. Arithmetic is float64, rounded to float32 once a fold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import fx

from edgegan.lowering.affine import Affine
from edgegan.lowering.channels_last_products import PRODUCTS
from edgegan.lowering.graph import (
    add_parameter,
    is_call,
    is_parameter,
    path_of,
    read_parameter,
    shape_of,
)
from edgegan.lowering.hoist_activation import ACTIVATIONS, MOVEMENT
from edgegan.lowering.layer_scale import LAYERS, channel_axis, scale_layer

aten = torch.ops.aten

_OPERATORS = (
    aten.add.Tensor,
    aten.sub.Tensor,
    aten.rsub.Scalar,
    aten.mul.Tensor,
    aten.div.Tensor,
)


@dataclass(frozen=True)
class Change:
    """New numbers for one layer, or for one constant.

    Attributes:
        path: of what changes.
        make: changes it.
    """

    path: str
    make: Callable[[], None]


def affine_of_call(graph: fx.GraphModule, node: fx.Node) -> tuple[fx.Node, Affine] | None:
    """What a node with one constant operand does, and to which tensor of its own shape; else None."""
    if not is_call(node, *_OPERATORS) or node.kwargs or len(node.args) != 2:
        return None
    values = [a for a in node.args if isinstance(a, fx.Node) and not is_parameter(a)]
    if len(values) != 1 or shape_of(values[0]) != shape_of(node):
        return None
    first = node.args[0] is values[0]
    other: Any = node.args[1 if first else 0]
    constant = torch.as_tensor(
        read_parameter(graph, other) if isinstance(other, fx.Node) else other, dtype=torch.float64
    )
    one, none = torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    if is_call(node, aten.mul.Tensor):
        return values[0], Affine(constant, none)
    if is_call(node, aten.div.Tensor):
        return (values[0], Affine(one / constant, none)) if first and constant.all() else None
    if is_call(node, aten.add.Tensor):
        return values[0], Affine(one, constant)
    if is_call(node, aten.sub.Tensor) and first:
        return values[0], Affine(one, -constant)
    return values[0], Affine(-one, constant)


def taken_before(graph: fx.GraphModule, node: fx.Node, affine: Affine) -> list[Change] | None:
    """The changes with which ``node`` gives ``affine`` of its values; None if there are none such."""
    if len(node.users) != 1 or not isinstance(node.meta.get("val"), torch.Tensor):
        return None
    if is_call(node, *LAYERS):
        return _layer(graph, node, affine.along(channel_axis(node), shape_of(node)))
    source: Any = node.args[0] if node.args else None
    if is_call(node, *ACTIVATIONS) and not affine.shifts and bool((affine.scale > 0).all()):
        return taken_before(graph, source, affine)
    if is_call(node, *MOVEMENT):
        if affine.is_factor:
            return taken_before(graph, source, Affine(affine.scale.reshape(()), affine.shift.sum()))
        return _behind_reshape(graph, node, affine)
    found = affine_of_call(graph, node)
    if found is not None:
        return _constant(graph, node, *found, affine)
    both = [each for each in node.args[:2] if isinstance(each, fx.Node)]
    if node.kwargs or len(both) != 2 or both[0] is both[1]:
        return None
    if is_call(node, *PRODUCTS):
        return _first(graph, both, affine) if affine.is_factor else None
    same = [each for each in both if shape_of(each) == shape_of(node)]
    if is_call(node, aten.mul.Tensor):
        return None if affine.shifts else _first(graph, same, affine)
    if is_call(node, aten.add.Tensor) and len(same) == 2:
        return _sum(graph, both, affine)
    return None


def _layer(graph: fx.GraphModule, layer: fx.Node, channels: Affine | None) -> list[Change] | None:
    if channels is None or not is_parameter(layer.args[1]):
        return None
    make = partial(scale_layer, graph, layer, channels.scale, channels.shift)
    return [Change(path_of(layer), make)]


def _behind_reshape(graph: fx.GraphModule, node: fx.Node, affine: Affine) -> list[Change] | None:
    """A linear layer's output, reshaped to ``[N, C, ...]``: several of its outputs share a channel."""
    linear: Any = node.args[0]
    if not is_call(node, aten.reshape.default) or not is_call(linear, aten.linear.default):
        return None
    outputs, split = shape_of(linear), shape_of(node)
    channels = affine.along(1, split)
    if len(outputs) != 2 or len(split) < 2 or outputs[1] % split[1] or channels is None:
        return None
    repeat = outputs[1] // split[1]
    if len(linear.users) != 1 or split[0] != outputs[0]:
        return None
    scale, shift = (v.repeat_interleave(repeat) for v in (channels.scale, channels.shift))
    return _layer(graph, linear, Affine(scale, shift))


def _constant(
    graph: fx.GraphModule, node: fx.Node, source: fx.Node, inner: Affine, affine: Affine
) -> list[Change] | None:
    """``inner`` of ``source``: its constant takes what it can."""
    if not inner.shifts and not is_call(node, aten.add.Tensor, aten.sub.Tensor, aten.rsub.Scalar):
        if affine.shifts:
            return None
        made = (aten.mul.Tensor, inner.scale * affine.scale)
        before: list[Change] | None = []
    else:
        rest = Affine(affine.scale * inner.scale, torch.zeros((), dtype=torch.float64))
        made = (aten.add.Tensor, affine.after(inner).shift)
        before = [] if bool((rest.scale == 1).all()) else taken_before(graph, source, rest)
    if before is None:
        return None
    return [*before, Change(path_of(node), partial(_write, graph, node, source, *made))]


def _write(
    graph: fx.GraphModule, node: fx.Node, source: fx.Node, target: Any, constant: torch.Tensor
) -> None:
    node.target = target
    node.args = (source, add_parameter(graph, node, path_of(node), constant.float()))


def _first(graph: fx.GraphModule, nodes: list[fx.Node], affine: Affine) -> list[Change] | None:
    found = (taken_before(graph, each, affine) for each in nodes)
    return next((changes for changes in found if changes is not None), None)


def _sum(graph: fx.GraphModule, both: list[fx.Node], affine: Affine) -> list[Change] | None:
    """Both sides take the scale, one of them the shift."""
    scaled = affine.without_shift()
    for takes, other in (both, reversed(both)):
        mine = taken_before(graph, takes, affine)
        rest: list[Change] | None = []
        if bool((scaled.scale != 1).any()):
            rest = taken_before(graph, other, scaled)
        if mine is not None and rest is not None:
            return mine + rest
    return None
