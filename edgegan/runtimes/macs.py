"""Multiply-accumulates of an ONNX model, layer by layer, from its shapes."""

from __future__ import annotations

import math

import onnx

from edgegan.errors import BundleError


def count_macs(model: onnx.ModelProto) -> dict[str, tuple[str, int]]:
    """MACs of one sample.

    Convolution: output elements x input channels of a group x kernel taps; transposed convolution:
    input elements x output channels of a group x taps; matrix products: output elements x inner
    length. Everything else counts as none.

    Returns:
        Node name to (operator, MACs), in graph order, for nodes with multiplications.

    Raises:
        BundleError: if a layer's shape cannot be inferred.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for value in copy.graph.input:
        batch = value.type.tensor_type.shape.dim[0]
        if not batch.HasField("dim_value"):
            batch.ClearField("dim_param")
            batch.dim_value = 1
    del copy.graph.value_info[:]
    for output in copy.graph.output:
        output.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(copy, data_prop=True)
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in [*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output]
    }
    shapes |= {tensor.name: list(tensor.dims) for tensor in inferred.graph.initializer}
    counted = {}
    for node in inferred.graph.node:
        if node.op_type in _FORMULAS:
            known = [
                shapes.get(name, []) for name in (node.input[0], node.input[1], node.output[0])
            ]
            if any(not shape or 0 in shape for shape in known):
                raise BundleError(f"the shapes of layer {node.name} cannot be inferred.")
            counted[node.name] = (node.op_type, _FORMULAS[node.op_type](*known))
    return counted


def _convolution(source: list[int], weight: list[int], output: list[int]) -> int:
    return math.prod(output) * math.prod(weight[1:])


def _transposed(source: list[int], weight: list[int], output: list[int]) -> int:
    return math.prod(source) * math.prod(weight[1:])


def _gemm(source: list[int], weight: list[int], output: list[int]) -> int:
    return math.prod(weight) * output[0]


def _matmul(source: list[int], weight: list[int], output: list[int]) -> int:
    return math.prod(output) * source[-1]


_FORMULAS = {
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "Gemm": _gemm,
    "MatMul": _matmul,
}
