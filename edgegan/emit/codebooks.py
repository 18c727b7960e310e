"""Weights on codebooks in the ONNX model: packed indices, looked up when the runtime loads it.

    bytes → BitShift → BitwiseAnd → Cast INT32 → GatherElements(int8 codebook) → DequantizeLinear

All of it is constant, so the runtime folds it once; what runs is the same int8 convolution as with stored
integers. Indices of 1, 2 and 4 bits fill their bytes, those of 3 bits take 4. Wider ones would save
nothing: their integers are stored as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgegan.emit.initializers import add_initializer, constant_of
from edgegan.emit.placeholders import ReplacePlaceholders, placeholder
from edgegan.quantization.weight_quantizers.levels import Codebook
from edgegan.quantization.weight_quantizers.names import PACKED_BITS

OPERATOR = "CodebookQuantize"
_INPUTS = ("weight", "scale", "thresholds", "codebook")
CODEBOOK = placeholder(OPERATOR, dict.fromkeys(_INPUTS, "T"), "levels")
"""Placeholder for the exporter; no model leaves with it."""


class PackCodebooks(ReplacePlaceholders):
    """Replaces the placeholder operator."""

    operator = OPERATOR

    def replace(self, graph: ir.Graph, node: ir.Node) -> None:
        """See ``ReplacePlaceholders``."""
        _replace(graph, node)


def pack(indices: NDArray[np.int64], bits: int) -> NDArray[np.uint8]:
    """``8 / bits`` indices a byte, the first one lowest; ``[bytes, 1]``."""
    count = 8 // bits
    filled = np.zeros(-(-indices.size // count) * count, np.int64)
    filled[: indices.size] = indices.reshape(-1)
    places: NDArray[np.int64] = filled.reshape(-1, count) << (bits * np.arange(count))
    return np.asarray(places.sum(1, keepdims=True), np.uint8)


def _replace(graph: ir.Graph, node: ir.Node) -> None:
    weight, scale, thresholds, integers = (constant_of(value) for value in node.inputs)
    rows = max(scale.size, 1)
    book = Codebook(
        scale.reshape(-1), integers.reshape(rows, -1).astype(np.int64), thresholds.reshape(rows, -1)
    )
    indices = book.indices(weight.reshape(rows, -1))
    name = str(node.inputs[0].name)  # type: ignore[union-attr]
    bits = integers.shape[-1].bit_length() - 1
    if bits > PACKED_BITS:
        entries = np.take_along_axis(book.integers, indices, 1).astype(np.int8)
        value = add_initializer(graph, f"{name}_integers", entries.reshape(weight.shape))
    else:
        value = _looked_up(graph, node, name, book, indices, bits, weight.shape)
    zeros = add_initializer(graph, f"{name}_zero_point", np.zeros(scale.shape, np.int8))
    attributes = {"axis": 0} if scale.ndim else {}
    inputs = [value, node.inputs[1], zeros]
    dequantize = ir.node("DequantizeLinear", inputs, attributes=attributes)
    dequantize.outputs[0].name = f"{name}_levels"
    dequantize.metadata_props.update(node.metadata_props)
    graph.insert_before(node, dequantize)
    ir.convenience.replace_all_uses_with(node.outputs[0], dequantize.outputs[0])
    graph.remove(node, safe=True)


def _looked_up(
    graph: ir.Graph,
    before: ir.Node,
    name: str,
    book: Codebook,
    indices: NDArray[np.int64],
    bits: int,
    shape: tuple[int, ...],
) -> ir.Value:
    width = next(width for width in (1, 2, 4) if width >= bits)

    def constant(key: str, array: Any, dtype: Any) -> ir.Value:
        return add_initializer(graph, f"{name}_{key}", np.asarray(array, dtype))

    def insert(operator: str, key: str, *inputs: ir.Value, **attributes: object) -> ir.Value:
        made = ir.node(operator, inputs, attributes=attributes)  # type: ignore[arg-type]
        made.metadata_props.update(before.metadata_props)
        made.outputs[0].name = f"{name}_{key}"
        graph.insert_before(before, made)
        return made.outputs[0]

    value = add_initializer(graph, f"{name}_packed", pack(indices, width))
    shifts = constant("shifts", width * np.arange(8 // width), np.uint8)
    value = insert("BitShift", "shifted", value, shifts, direction="RIGHT")
    mask = constant("mask", (1 << width) - 1, np.uint8)
    value = insert("BitwiseAnd", "masked", value, mask)
    value = insert("Cast", "wide", value, to=int(ir.DataType.INT32))
    if indices.size % (8 // width):
        value = insert("Reshape", "flat", value, constant("line", [-1], np.int64))
        ends = (constant("first", [0], np.int64), constant("count", [indices.size], np.int64))
        value = insert("Slice", "cut", value, *ends)
    rows = constant("rows", indices.shape, np.int64)
    value = insert("Reshape", "indices", value, rows)
    codebook = constant("codebook", book.integers, np.int8)
    value = insert("GatherElements", "entries", codebook, value, axis=1)
    value = insert("Reshape", "integers", value, constant("shape", shape, np.int64))
    value.shape, value.type = ir.Shape(shape), ir.TensorType(ir.DataType.INT8)
    return value
