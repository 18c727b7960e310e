"""A float32 model in half precision, to time beside int8 where a GPU is."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from edgegan.errors import ModelError


def half_precision(model: Path) -> onnx.ModelProto:
    """The model with float16 weights and computation; its inputs and outputs stay float32.

    No operator is exempt: an exempted one would stand between two casts, and TensorRT computes all of a
    generator's in fp16.

    Raises:
        ModelError: if the file is not a float32 ONNX model.
    """
    try:
        proto = onnx.load(model)
    except Exception:  # protobuf and onnx raise unrelated types
        proto = onnx.ModelProto()
    if not proto.graph.node:
        raise ModelError(f"{model} is not an ONNX model; export it again.")
    if any(node.op_type == "QuantizeLinear" for node in proto.graph.node):
        raise ModelError(
            f"{model} is quantized already; half precision is made of a float32 model."
        )
    _unshare_resize_inputs(proto)
    half = OnnxModel(convert_float_to_float16(proto, keep_io_types=True, op_block_list=[]))
    half.topological_sort()
    result: onnx.ModelProto = half.model
    del result.graph.value_info[:]  # some keep the types from before
    return result


def _unshare_resize_inputs(proto: onnx.ModelProto) -> None:
    """Give every Resize its own scales: the converter casts shared ones twice, under one name."""
    tensors = {tensor.name: tensor for tensor in proto.graph.initializer}
    seen: set[str] = set()
    for index, node in enumerate(proto.graph.node):
        if node.op_type != "Resize":
            continue
        for position, name in enumerate(node.input):
            if name in seen and name in tensors:
                copy = proto.graph.initializer.add()
                copy.CopyFrom(tensors[name])
                copy.name = node.input[position] = f"{name}_of_resize_{index}"
            seen.add(name)
