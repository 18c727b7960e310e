"""What a model file itself says about how it must be run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

_BITS = {
    TensorProto.INT2: 2,
    TensorProto.UINT2: 2,
    TensorProto.INT4: 4,
    TensorProto.UINT4: 4,
    TensorProto.INT8: 8,
    TensorProto.UINT8: 8,
}
_FLOAT_BITS = 32


@dataclass(frozen=True)
class ModelFacts:
    """Facts of an ONNX file.

    Attributes:
        opset: of the standard operators.
        weight_bits: of the narrowest stored integers; 32 in a float model.
        input_ranges: of inputs that are quantized first: what lies outside is clipped to it.
        bytes: size of the file.
    """

    opset: int
    weight_bits: int
    input_ranges: dict[str, tuple[float, float]]
    bytes: int


def read_facts(path: Path) -> ModelFacts:
    """Read a model that the exporter wrote."""
    model = onnx.load(path, load_external_data=False)
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    stored = [_BITS.get(tensor.data_type, _FLOAT_BITS) for tensor in model.graph.initializer]
    stored += _packed(model.graph)
    return ModelFacts(
        opset=opset,
        weight_bits=min(stored, default=_FLOAT_BITS),
        input_ranges=_input_ranges(model.graph),
        bytes=path.stat().st_size,
    )


def _packed(graph: onnx.GraphProto) -> list[int]:
    """Bits of indices that are packed in bytes: those of the masks that take them out."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    masks = [node.input[1] for node in graph.node if node.op_type == "BitwiseAnd"]
    found = [numpy_helper.to_array(constants[name]) for name in masks if name in constants]
    return [int(mask).bit_length() for mask in found if mask.size == 1]


def wants_ort(path: Path) -> bool:
    """Whether the ``.ort`` format serves the model.

    Narrow weights are widened to 8 when the graph is optimized, which the ``.ort`` stores:
    it would be several times as big as the ONNX file, which then is what is handed over.
    """
    return read_facts(path).weight_bits >= 8


def _input_ranges(graph: onnx.GraphProto) -> dict[str, tuple[float, float]]:
    stored = {tensor.name: tensor for tensor in graph.initializer}
    inputs = {value.name for value in graph.input}
    ranges = {}
    for node in graph.node:
        if node.op_type != "QuantizeLinear" or node.input[0] not in inputs or len(node.input) < 3:
            continue
        if node.input[1] in stored and node.input[2] in stored:
            scale = numpy_helper.to_array(stored[node.input[1]])
            zero_point = numpy_helper.to_array(stored[node.input[2]])
            if scale.size == 1:
                grid = np.iinfo(zero_point.dtype)
                step, zero = float(scale.item()), int(zero_point.item())
                ranges[node.input[0]] = ((grid.min - zero) * step, (grid.max - zero) * step)
    return ranges
