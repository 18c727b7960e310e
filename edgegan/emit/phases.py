"""Phases of stored kernels in the ONNX model: built from the integers when the runtime loads it.

    kernel → Cast float → MatMul columns → MatMul rows → shuffle → Cast INT8 → DequantizeLinear

The kernel is INT4, INT2, or what a codebook gives. All of it is constant, so the runtime folds it once;
what runs is the same int8 convolution as with stored phases. Sums are of small integers, exact in float.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from numpy.typing import NDArray

from edgegan.emit.initializers import add_initializer, constant_of
from edgegan.emit.placeholders import ReplacePlaceholders, placeholder
from edgegan.lowering.expand_phases import expand_phases

OPERATOR = "ExpandPhases"
_INDICES = "tensor(int64)"
EXPAND = placeholder(OPERATOR, {"kernel": "T", "rows": _INDICES, "columns": _INDICES}, "phases")
"""Placeholder for the exporter; no model leaves with it."""


class ExpandKernels(ReplacePlaceholders):
    """Replaces the placeholder operator: on integers behind a quantized kernel, else by its value."""

    operator = OPERATOR

    def replace(self, graph: ir.Graph, node: ir.Node) -> None:
        """See ``ReplacePlaceholders``."""
        _replace(graph, node)


def _replace(graph: ir.Graph, node: ir.Node) -> None:
    kernel, *selection = node.inputs
    assert kernel is not None
    rows, columns = (constant_of(value) for value in selection)
    source = kernel.producer()
    if source is None:
        value = _float_phases(graph, kernel, rows, columns, str(node.outputs[0].name))
    else:
        value = _integer_phases(graph, node, source, rows, columns)
    ir.convenience.replace_all_uses_with(node.outputs[0], value)
    graph.remove(node, safe=True)
    if source is not None and not source.outputs[0].uses():
        graph.remove(source, safe=True)


def _float_phases(
    graph: ir.Graph,
    kernel: ir.Value,
    rows: NDArray[Any],
    columns: NDArray[Any],
    name: str,
) -> ir.Value:
    tensors = (torch.from_numpy(np.array(a)) for a in (constant_of(kernel), rows, columns))
    return add_initializer(graph, f"{name}_phases", expand_phases(*tensors).numpy())


def _integer_phases(
    graph: ir.Graph,
    node: ir.Node,
    dequantize: ir.Node,
    rows: NDArray[Any],
    columns: NDArray[Any],
) -> ir.Value:
    integers, scale, _ = dequantize.inputs
    assert integers is not None and scale is not None
    stored = _stored(integers)
    outputs, inputs, *_ = (int(side) for side in stored.shape)  # type: ignore[union-attr, arg-type]
    (f, a, _), (g, b, _) = rows.shape, columns.shape
    name = str(node.outputs[0].name)

    def insert(operator: str, values: list[ir.Value], **attributes: object) -> ir.Value:
        made = ir.node(operator, values, attributes=attributes)  # type: ignore[arg-type]
        made.metadata_props.update(node.metadata_props)
        made.outputs[0].name = f"{name}_{len(made_nodes)}"
        made_nodes.append(made)
        graph.insert_before(node, made)
        return made.outputs[0]

    made_nodes: list[ir.Node] = []

    def matrix(axis: NDArray[Any], key: str) -> ir.Value:
        flat = axis.reshape(-1, axis.shape[2]).T.astype(np.float32)
        return add_initializer(graph, f"{name}_{key}", np.ascontiguousarray(flat))

    def shape(sides: list[int], key: str) -> ir.Value:
        return add_initializer(graph, f"{name}_{key}", np.array(sides, np.int64))

    value = insert("Cast", [stored], to=int(ir.DataType.FLOAT))
    value = insert("MatMul", [value, matrix(columns, "columns")])  # [o, i, t, (g b)]
    value = insert("Transpose", [value], perm=[0, 1, 3, 2])
    value = insert("MatMul", [value, matrix(rows, "rows")])  # [o, i, (g b), (f a)]
    value = insert("Reshape", [value, shape([outputs, inputs, g, b, f, a], "split")])
    value = insert("Transpose", [value], perm=[4, 2, 0, 1, 5, 3])  # [f, g, o, i, a, b]
    value = insert("Reshape", [value, shape([-1, inputs, a, b], "whole")])
    value = insert("Cast", [value], to=int(ir.DataType.INT8))
    scales = constant_of(scale)
    per_channel = scales.ndim > 0
    repeated = np.tile(scales, f * g) if per_channel else scales
    zeros = np.zeros(repeated.shape, np.int8)
    attributes = {"axis": 0} if per_channel else {}
    return insert(
        "DequantizeLinear",
        [
            value,
            add_initializer(graph, f"{scale.name}.{name}", repeated),
            add_initializer(graph, f"{name}_zero_point", zeros),
        ],
        **attributes,
    )


def _stored(integers: ir.Value) -> ir.Value:
    """The initializer behind the Cast of a narrow type; else the integers themselves."""
    cast = integers.producer()
    value = integers if cast is None or cast.op_type != "Cast" else cast.inputs[0]
    assert value is not None and value.shape is not None
    return value
