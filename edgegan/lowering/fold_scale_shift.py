"""Constant scales and shifts fold into the layer in front of them.

Written as ``x·√2``, ``x + bias`` or ``strength·noise``, they would each be an operator on a whole feature
map. A scale passes activations (if it is positive), data movement (if it is one number) and other products
on its way to the layer; a shift only products with one. What finds no layer is merged into one constant.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from edgegan.lowering.graph import (
    add_parameter,
    is_call,
    is_parameter,
    path_of,
    read_parameter,
    shape_of,
    tidy,
)
from edgegan.lowering.hoist_activation import ACTIVATIONS, MOVEMENT
from edgegan.lowering.layer_scale import LAYERS, scale_layer
from edgegan.lowering.rewrite import Rewrite
from edgegan.targets import LoweringProfile

aten = torch.ops.aten

_SCALES = (aten.mul.Tensor, aten.div.Tensor)
_SHIFTS = (aten.add.Tensor, aten.sub.Tensor)


class FoldScaleShift:
    name = "fold-scale-shift"
    requires: frozenset[object] = frozenset({aten.view.default, aten._unsafe_view.default})
    ensures: frozenset[object] = frozenset()

    def __call__(self, graph: fx.GraphModule, profile: LoweringProfile) -> list[Rewrite]:
        done = []
        for node in list(graph.graph.nodes):
            found = _operands(graph, node)
            if found is None:
                continue
            source, constant = found
            fold = _scale if is_call(node, *_SCALES) else _shift
            if shape_of(source) == shape_of(node) and fold(graph, source, constant, False):
                fold(graph, source, constant, True)
                node.replace_all_uses_with(source)
                graph.graph.erase_node(node)
                done.append(
                    Rewrite(self.name, path_of(source), "scale" if fold is _scale else "shift")
                )
        tidy(graph)
        return done


def _operands(graph: fx.GraphModule, node: fx.Node) -> tuple[fx.Node, torch.Tensor] | None:
    """The value and the constant (float64) that it is multiplied by, or that is added to it."""
    if not is_call(node, *_SCALES, *_SHIFTS) or node.kwargs:
        return None
    values = [a for a in node.args[:2] if isinstance(a, fx.Node) and not is_parameter(a)]
    if len(values) != 1:
        return None
    first = values[0] is node.args[0]
    other: Any = node.args[1 if first else 0]
    constant = torch.as_tensor(
        read_parameter(graph, other) if isinstance(other, fx.Node) else other, dtype=torch.float64
    )
    if is_call(node, aten.div.Tensor):
        return (values[0], 1 / constant) if first else None
    if is_call(node, aten.sub.Tensor):
        return (values[0], -constant) if first else None
    return values[0], constant


def _scale(graph: fx.GraphModule, node: fx.Node, scale: torch.Tensor, write: bool) -> bool:
    """Whether ``node`` can give its values times ``scale``; with ``write``, make it so."""
    if len(node.users) != 1 or not isinstance(node.meta.get("val"), torch.Tensor):
        return False
    if is_call(node, *LAYERS):
        channels = _per_channel(node, scale)
        if channels is not None and write:
            scale_layer(graph, node, channels, torch.zeros_like(channels))
        return channels is not None
    source: Any = node.args[0] if node.args else None
    if is_call(node, *ACTIVATIONS):
        return bool((scale > 0).all()) and _scale(graph, source, scale, write)
    if is_call(node, *MOVEMENT):
        return scale.numel() == 1 and _scale(graph, source, scale.reshape(()), write)
    found = _operands(graph, node)
    if found is not None:
        return _scale_constant(graph, node, *found, scale, write)
    if is_call(node, aten.mul.Tensor) and not node.kwargs:
        return any(
            isinstance(factor, fx.Node)
            and shape_of(factor) == shape_of(node)
            and _scale(graph, factor, scale, write)
            for factor in node.args[:2]
        )
    return False


def _scale_constant(
    graph: fx.GraphModule,
    node: fx.Node,
    source: fx.Node,
    constant: torch.Tensor,
    scale: torch.Tensor,
    write: bool,
) -> bool:
    """Scale a product with, or a sum with a constant."""
    if shape_of(source) != shape_of(node):
        return False
    if is_call(node, *_SHIFTS) and not _scale(graph, source, scale, write):
        return False
    if write:
        _write(graph, node, source, constant * scale)
    return True


def _shift(graph: fx.GraphModule, node: fx.Node, shift: torch.Tensor, write: bool) -> bool:
    """Whether ``node`` can give its values plus ``shift``; with ``write``, make it so."""
    if len(node.users) != 1:
        return False
    if is_call(node, *LAYERS):
        channels = _per_channel(node, shift)
        if channels is not None and write:
            scale_layer(graph, node, torch.ones_like(channels), channels)
        return channels is not None
    found = _operands(graph, node)
    if found is None or not is_call(node, *_SHIFTS) or shape_of(found[0]) != shape_of(node):
        return False
    if write and not (
        _shift(graph, found[0], shift, False) and _shift(graph, found[0], shift, True)
    ):
        _write(graph, node, found[0], found[1] + shift)
    return True


def _write(graph: fx.GraphModule, node: fx.Node, source: fx.Node, constant: torch.Tensor) -> None:
    """Let a product or sum have another constant."""
    node.target = aten.mul.Tensor if is_call(node, *_SCALES) else aten.add.Tensor
    node.args = (source, add_parameter(graph, node, path_of(node), constant.float()))


def _per_channel(layer: fx.Node, constant: torch.Tensor) -> torch.Tensor | None:
    """``constant`` as one number an output channel of ``layer``; None if it is no such thing."""
    shape = shape_of(layer)
    axis = len(shape) - 1 if is_call(layer, aten.linear.default) else 1
    if not is_parameter(layer.args[1]) or constant.ndim > len(shape):
        return None
    full = constant.reshape((1,) * (len(shape) - constant.ndim) + tuple(constant.shape))
    if any(side != 1 for i, side in enumerate(full.shape) if i != axis):
        return None
    return full.flatten().expand(shape[axis]).clone()
