"""Layers that a recipe keeps in float stay float in the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgegan.emit.initializers import add_initializer, constant_of

_LAYERS = ("Conv", "ConvTranspose", "Gemm")


class KeepFloatLayers(ir.passes.InPlacePass):
    """DequantizeLinear → layer of float weights becomes DequantizeLinear → Clip → layer.

    ONNX Runtime quantizes the weights of such a layer itself where a QuantizeLinear follows
    (``WeightBiasQuantization``), with ranges of its own. The Clip, to what the grid can hold, changes no
    value and is in the way of that.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        modified = False
        for node in list(model.graph):
            if node.op_type not in _LAYERS or not _is_float_initializer(node.inputs[1]):
                continue
            source = node.inputs[0].producer() if node.inputs[0] is not None else None
            if source is not None and source.op_type == "DequantizeLinear":
                node.replace_input_with(0, _guarded(model.graph, node, source))
                modified = True
        return ir.passes.PassResult(model, modified)


def _guarded(graph: ir.Graph, node: ir.Node, source: ir.Node) -> ir.Value:
    value = source.outputs[0]
    lowest, highest = (
        add_initializer(graph, f"{node.name}_{name}", end)
        for name, end in zip(("lowest", "highest"), _ends(source), strict=True)
    )
    clip = ir.Node("", "Clip", [value, lowest, highest], metadata_props=dict(node.metadata_props))
    clip.outputs[0].shape, clip.outputs[0].type = value.shape, value.type
    graph.insert_before(node, clip)
    return clip.outputs[0]


def _is_float_initializer(value: ir.Value | None) -> bool:
    return value is not None and value.is_initializer() and value.dtype == ir.DataType.FLOAT


def _ends(source: ir.Node) -> NDArray[Any]:
    """The values of the grid's first and last integer ``[2]``, as DequantizeLinear computes them."""
    scale, zero = (constant_of(value) for value in source.inputs[1:])
    limits = np.iinfo(zero.dtype)
    integers = np.array([limits.min, limits.max], np.float32)
    return np.asarray((integers - zero.astype(np.float32)) * scale)
