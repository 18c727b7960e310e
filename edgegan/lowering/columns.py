"""Vectors ``[N, K]`` followed through what only picks, scales and shifts their columns.

Styles, gains and truncated latents are written as slices, views, ``1 + x`` and ``a + psi·(x - a)`` of one
vector. Followed back, each is ``scale[j]·source[:, index[j]] + shift[j]``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from edgegan.lowering.graph import (
    EXAMPLE_BATCH,
    add_parameter,
    insert_call,
    is_call,
    is_parameter,
    path_of,
    read_parameter,
    shape_of,
)
from edgegan.lowering.hoist_activation import MOVEMENT
from edgegan.lowering.layer_scale import read_layer

aten = torch.ops.aten

_MOVES = (*MOVEMENT, aten.expand.default, aten.repeat.default)
_AFFINE: dict[object, Callable[[Any, Any], Any]] = {
    aten.add.Tensor: operator.add,
    aten.sub.Tensor: operator.sub,
    aten.mul.Tensor: operator.mul,
    aten.div.Tensor: operator.truediv,
}


@dataclass(frozen=True)
class Columns:
    """What a node takes of a vector.

    Attributes:
        source: ``[N, K]``.
        index: whole numbers in float64, of the shape of one sample of the node.
        scale, shift: float64, of the same shape.
    """

    source: fx.Node
    index: torch.Tensor
    scale: torch.Tensor
    shift: torch.Tensor

    @property
    def is_scaled(self) -> bool:
        """Whether values are changed, not only placed."""
        return bool((self.scale != 1).any() or (self.shift != 0).any())


def is_step(node: fx.Node) -> bool:
    """Whether ``node`` moves its first input, or combines it with a constant."""
    return is_call(node, *_MOVES) or _constant_operand(node) is not None


def follow(graph: fx.GraphModule, node: fx.Node) -> Columns | None:
    """The vector that a node takes its values of; None if it is no such node."""
    if not is_step(node):
        shape = shape_of(node) if isinstance(node.meta.get("val"), torch.Tensor) else ()
        if len(shape) != 2 or shape[0] != EXAMPLE_BATCH:
            return None
        index = torch.arange(shape[1], dtype=torch.float64)  # movements take no int64
        ones = torch.ones(shape[1], dtype=torch.float64)
        return Columns(node, index, ones, torch.zeros_like(ones))
    constant = _constant_operand(node)
    which = 1 - constant if constant is not None else 0
    inner = follow(graph, node.args[which])  # type: ignore[arg-type]
    if inner is None:
        return None
    if is_call(node, *_MOVES):
        return _moved(node, inner)
    return _combined(graph, node, inner, which)


def _moved(node: fx.Node, inner: Columns) -> Columns | None:
    move: Any = node.target
    sizes: Any = fx.node.map_arg(node.args[1:], lambda size: size.meta["val"])
    parts = []
    for part in (inner.index, inner.scale, inner.shift):
        batch = part.expand(EXAMPLE_BATCH, *part.shape)
        moved = move(batch, *sizes, **node.kwargs)
        if len(moved) != EXAMPLE_BATCH or not torch.equal(moved[0], moved[1]):
            return None
        parts.append(moved[0])
    # a slice of the batch, or samples exchanged with columns, gives another shape
    if (EXAMPLE_BATCH, *parts[0].shape) != shape_of(node):
        return None
    return Columns(inner.source, *parts)


def _combined(graph: fx.GraphModule, node: fx.Node, inner: Columns, which: int) -> Columns | None:
    constant: Any = node.args[1 - which]
    if isinstance(constant, fx.Node):
        constant = read_parameter(graph, constant).double()
        if constant.ndim >= len(shape_of(node)):
            if len(constant) != 1 or constant.ndim > len(shape_of(node)):
                return None
            constant = constant[0]
    compute = _AFFINE[node.target]
    constant = torch.as_tensor(constant, dtype=torch.float64)
    ends = []
    for probe in (0.0, 1.0):
        value = inner.scale * probe + inner.shift
        ends.append(compute(value, constant) if which == 0 else compute(constant, value))
    return Columns(inner.source, inner.index, ends[1] - ends[0], ends[0])


def _constant_operand(node: fx.Node) -> int | None:
    """Which operand of an affine operator is constant."""
    if not is_call(node, *_AFFINE) or node.kwargs:
        return None
    constant = [not isinstance(a, fx.Node) or is_parameter(a) for a in node.args[:2]]
    if sum(constant) != 1 or (constant[0] and is_call(node, aten.div.Tensor)):
        return None
    value: Any = node.args[constant.index(False)]
    return constant.index(True) if shape_of(value) == shape_of(node) else None


def is_vector_layer(node: fx.Node) -> bool:
    """Whether ``node`` is a linear layer ``[N, K]`` or rows of a constant table."""
    if len(shape_of(node)) != 2:
        return False
    if is_call(node, aten.linear.default):
        return is_parameter(node.args[1])
    return is_call(node, aten.embedding.default) and is_parameter(node.args[0])


def input_of(layer: fx.Node) -> fx.Node:
    """What a vector layer reads: values, or labels."""
    return layer.args[1 if is_call(layer, aten.embedding.default) else 0]  # type: ignore[return-value]


def matrix_of(graph: fx.GraphModule, layer: fx.Node) -> tuple[torch.Tensor, torch.Tensor]:
    """A vector layer's columns as rows ``[K, inputs]``, and its bias ``[K]``; float64."""
    if is_call(layer, aten.embedding.default):
        table = read_parameter(graph, layer.args[0]).double().t()  # type: ignore[arg-type]
        return table, table.new_zeros(len(table))
    weight, bias = read_layer(graph, layer)
    return weight.double(), bias.double()


def rows_of(graph: fx.GraphModule, columns: Columns) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows and bias of the layer that gives what ``columns`` takes of a vector layer; float64."""
    rows, bias = matrix_of(graph, columns.source)
    index, scale, shift = (t.flatten() for t in (columns.index, columns.scale, columns.shift))
    return rows[index.long()] * scale[:, None], bias[index.long()] * scale + shift


def insert_layer(
    graph: fx.GraphModule,
    before: fx.Node,
    like: fx.Node,
    rows: torch.Tensor,
    bias: torch.Tensor,
    shape: Sequence[int],
) -> fx.Node:
    """A vector layer of ``like``'s kind and input, with these rows; samples are of ``shape``."""
    path = path_of(like)
    if is_call(like, aten.embedding.default):
        table = add_parameter(graph, before, path + ".weight", (rows + bias[:, None]).t().float())
        args: tuple[Any, ...] = (table, like.args[1])
    else:
        weight = add_parameter(graph, before, path + ".weight", rows.float())
        args = (like.args[0], weight, add_parameter(graph, before, path + ".bias", bias.float()))
    layer = insert_call(graph, before, like.target, args, path)
    return insert_call(graph, before, aten.reshape.default, (layer, [-1, *shape]), path)
