"""Multiply-accumulates of an ONNX model, layer by layer, from its shapes."""

from __future__ import annotations

import json
import math

import numpy as np
import onnx
import onnxruntime

from edgegan.errors import BundleError

EXAMPLE_SHAPES = "edgegan.example_shapes"
"""Metadata of models with free sizes: JSON, shape without batch by input."""


def count_macs(model: onnx.ModelProto) -> dict[str, tuple[str, int]]:
    """MACs of one sample; of free sizes, the one that the model was made with.

    Convolution: output elements x input channels of a group x kernel taps; transposed convolution:
    input elements x output channels of a group x taps; matrix products: output elements x inner
    length. Everything else counts as none, and so do products of constants.

    Returns:
        Node name to (operator, MACs), in graph order, for nodes with multiplications.

    Raises:
        BundleError: if a layer's shape can neither be inferred nor observed.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    examples = example_shapes(model)
    for value in copy.graph.input:
        for dim, side in zip(value.type.tensor_type.shape.dim, examples[value.name], strict=True):
            dim.ClearField("dim_param")
            dim.dim_value = side
    del copy.graph.value_info[:]
    for output in copy.graph.output:
        output.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(copy, data_prop=True)
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in [*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output]
    }
    shapes |= {tensor.name: list(tensor.dims) for tensor in inferred.graph.initializer}
    constants = _constants(inferred)
    layers = [
        node
        for node in inferred.graph.node
        if node.op_type in _FORMULAS and node.output[0] not in constants
    ]
    wanted = {name for node in layers for name in (node.input[0], node.input[1], node.output[0])}
    unknown = sorted(name for name in wanted if not shapes.get(name) or 0 in shapes[name])
    if unknown:
        shapes |= _observed_shapes(copy, unknown)
    counted = {}
    for node in layers:
        known = [shapes[name] for name in (node.input[0], node.input[1], node.output[0])]
        counted[node.name] = (node.op_type, _FORMULAS[node.op_type](*known))
    return counted


def example_shapes(model: onnx.ModelProto) -> dict[str, list[int]]:
    """Shapes of one sample of each input; free sizes are those that the model was made with."""
    noted = {p.key: p.value for p in model.metadata_props}
    free: dict[str, list[int]] = json.loads(noted.get(EXAMPLE_SHAPES, "{}"))
    return {
        value.name: [1, *free[value.name]]
        if value.name in free
        else [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]
        for value in model.graph.input
    }


def _constants(model: onnx.ModelProto) -> set[str]:
    """Values that a runtime computes once, when it loads the model: made from constants alone."""
    known = {tensor.name for tensor in model.graph.initializer} | {""}
    for node in model.graph.node:
        if all(name in known for name in node.input):
            known |= set(node.output)
    return known


def _observed_shapes(model: onnx.ModelProto, names: list[str]) -> dict[str, list[int]]:
    """Shapes that inference cannot find (they pass through a Resize, say), by running on zeros."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    for name in names:
        probe.graph.output.append(onnx.ValueInfoProto(name=name))
    feed, shapes = {}, example_shapes(model)
    for value in probe.graph.input:
        kind = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        feed[value.name] = np.zeros(shapes[value.name], kind)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(
            probe.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        results = session.run(names, feed)
    except Exception as error:  # pybind raises its own unrelated types
        detail = " ".join(str(error).split())[:300]
        raise BundleError(f"the shapes of the model cannot be found: {detail}") from None
    return {name: list(value.shape) for name, value in zip(names, results, strict=True)}


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
