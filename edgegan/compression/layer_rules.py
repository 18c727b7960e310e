"""What layers with weights do with channels: they read them, make them, or scale each by itself."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx

from edgegan.compression.walk import Layout, Rule, Walk
from edgegan.lowering.graph import argument, is_call, is_parameter, shape_of

aten = torch.ops.aten

BATCH_NORM = aten._native_batch_norm_legit_no_training.default
NORMS = (BATCH_NORM, aten.batch_norm.default, aten.instance_norm.default)

GROUPS = 6
"""Place of a convolution's groups among its arguments."""

_TRANSPOSED = (aten.conv_transpose1d.default, aten.conv_transpose2d.input)


def _convolution(walk: Walk, node: fx.Node) -> Layout | None:
    """Of groups, only depthwise ones with as many outputs as inputs work channel by channel."""
    weight, bias = node.args[1], argument(node, 2)
    transposed, groups = node.target in _TRANSPOSED, argument(node, GROUPS, 1)
    layout = walk.of(node.args[0])
    if layout is None or not is_parameter(weight):
        return None
    shape, channels = shape_of(weight), layout[1]  # type: ignore[arg-type]
    rest = (None,) * (len(shape) - 2)
    if groups > 1:
        if shape[:2] != (groups, 1) or groups != shape_of(node.args[0])[1]:  # type: ignore[arg-type]
            return None
        walk.carry(weight, 0, channels)
        walk.carry(bias, 0, channels)
        return (None, channels, *rest)
    made = walk.make(node, shape[1] if transposed else shape[0])
    walk.read(node, 0, 1, channels)
    walk.carry(weight, 0 if transposed else 1, channels)
    walk.carry(weight, 1 if transposed else 0, made, makes=True)
    walk.carry(bias, 0, made)
    return (None, made, *rest)


def _linear(walk: Walk, node: fx.Node) -> Layout | None:
    weight, layout = node.args[1], walk.of(node.args[0])
    if layout is None or not is_parameter(weight):
        return None
    made = walk.make(node, shape_of(weight)[0])  # type: ignore[arg-type]
    walk.read(node, 0, len(layout) - 1, layout[-1])
    walk.carry(weight, 1, layout[-1])
    walk.carry(weight, 0, made, makes=True)
    walk.carry(argument(node, 2), 0, made)
    return (*layout[:-1], made)


def _product(walk: Walk, node: fx.Node) -> Layout | None:
    """``[..., M, K] @ [..., K, N]`` of two activations: channels along K are tied and summed over."""
    left, right = (walk.of(value) for value in node.args[:2])
    if left is None or right is None or min(len(left), len(right)) < 2:
        return None
    inner, other = left[-1], right[-2]
    if any(ids is not None for ids in (*left[:-2], *right[:-2])):
        return None
    if (inner is None) != (other is None):
        return None
    if inner is not None and other is not None:
        walk.ties.tie(inner, other)
        walk.read(node, 0, len(left) - 1, inner)
    return (*[None] * (len(shape_of(node)) - 2), left[-2], right[-1])


def _embedding(walk: Walk, node: fx.Node) -> Layout | None:
    """Its columns go with the channels that they scale or shift, and never by themselves."""
    table: Any = node.args[0]
    if not is_parameter(table):
        return None
    columns = walk.ties.fresh(shape_of(table)[1])
    walk.carry(table, 1, columns)
    return (*[None] * (len(shape_of(node)) - 1), columns)


def _norm(walk: Walk, node: fx.Node) -> Layout | None:
    layout = walk.of(node.args[0])
    if layout is not None:
        for parameter in node.args[1:5]:
            walk.carry(parameter, 0, layout[1])
    return layout


def _first_output(walk: Walk, node: fx.Node) -> Layout | None:
    """Of a norm that gives its statistics too."""
    norm = node.args[0]
    return _norm(walk, norm) if is_call(norm, *NORMS) and node.args[1] == 0 else None  # type: ignore[arg-type]


def _prelu(walk: Walk, node: fx.Node) -> Layout | None:
    layout, slopes = walk.of(node.args[0]), node.args[1]
    if layout is not None and shape_of(slopes) != (1,):  # type: ignore[arg-type]
        walk.carry(slopes, 0, layout[1])
    return layout


LAYER_RULES: dict[Any, Rule] = {
    aten.conv1d.default: _convolution,
    aten.conv2d.default: _convolution,
    aten.conv3d.default: _convolution,
    **dict.fromkeys(_TRANSPOSED, _convolution),
    aten.linear.default: _linear,
    aten.matmul.default: _product,
    aten.bmm.default: _product,
    aten.mm.default: _product,
    aten.embedding.default: _embedding,
    **dict.fromkeys(NORMS, _norm),
    operator.getitem: _first_output,
    aten.prelu.default: _prelu,
}
