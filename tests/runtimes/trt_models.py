"""Small ONNX models in the forms that TensorRT takes, and in those that it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

ZERO = np.int8(0)


class QdqModel:
    """Builds a chain of nodes on one input ``x``. Activations are int8 with zero point 0."""

    def __init__(self, *shape: int) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._tensors: list[onnx.TensorProto] = []
        self._shape = shape
        self._random = np.random.default_rng(0)

    def constant(self, name: str, value: Any) -> str:
        self._tensors.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, operator: str, inputs: list[str], name: str, **attributes: Any) -> str:
        self._nodes.append(
            helper.make_node(operator, inputs, [f"{name}:0"], name=name, **attributes)
        )
        return f"{name}:0"

    def quantized(self, value: str, name: str, zero_point: Any = ZERO) -> str:
        scale = self.constant(f"{name}.scale", np.float32(0.05))
        zero = self.constant(f"{name}.zero_point", zero_point)
        integers = self.node("QuantizeLinear", [value, scale, zero], f"{name}/QuantizeLinear")
        return self.node("DequantizeLinear", [integers, scale, zero], f"{name}/DequantizeLinear")

    def weight(self, shape: tuple[int, ...], name: str, axis: int = 0, kind: Any = np.int8) -> str:
        """An integer constant behind its DequantizeLinear; ``kind`` may be ``TensorProto.INT4``."""
        if kind == TensorProto.INT4:
            values = self._random.integers(-8, 8, int(np.prod(shape)))
            self._tensors.append(helper.make_tensor(name, kind, shape, values))
        else:
            self.constant(name, self._random.integers(-100, 100, shape).astype(kind))
        scale = self.constant(f"{name}.scale", np.full(shape[axis], 0.01, np.float32))
        return self.node("DequantizeLinear", [name, scale], f"{name}/DequantizeLinear", axis=axis)

    def floats(self, name: str, *shape: int) -> str:
        return self.constant(name, self._random.normal(size=shape).astype(np.float32))

    def convolution(self, value: str, channels: tuple[int, int], name: str, **kind: Any) -> str:
        inputs, outputs = channels
        weight = self.weight((outputs, inputs, 3, 3), f"{name}.weight", **kind)
        bias = self.floats(f"{name}.bias", outputs)
        return self.node("Conv", [value, weight, bias], f"{name}/Conv", pads=[1, 1, 1, 1])

    def finish(self, output: str, *shape: int) -> onnx.ModelProto:
        graph = helper.make_graph(
            self._nodes,
            "model",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *self._shape])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", *shape])],
            self._tensors,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        onnx.checker.check_model(model, full_check=True)
        return model


def residual(zero_point: Any = ZERO) -> onnx.ModelProto:
    """Convolutions, a ReLU, a residual sum, a pixel shuffle by Reshape and Transpose, and a tanh."""
    m = QdqModel(8, 16, 16)
    x = m.quantized("x", "input", zero_point)
    x = m.node("Relu", [m.convolution(x, (8, 16), "first")], "first/Relu")
    first = m.quantized(x, "first")
    x = m.quantized(m.convolution(first, (16, 16), "second"), "second")
    x = m.quantized(m.node("Add", [x, first], "sum/Add"), "sum")
    x = m.quantized(m.convolution(x, (16, 16), "third"), "third")
    phases = m.constant("phases", np.array([-1, 2, 2, 4, 16, 16], np.int64))
    x = m.node("Reshape", [x, phases], "shuffle/Reshape")
    x = m.node("Transpose", [x], "shuffle/Transpose", perm=[0, 3, 4, 1, 5, 2])
    image = m.constant("image", np.array([-1, 4, 32, 32], np.int64))
    x = m.quantized(m.node("Reshape", [x, image], "shuffle/Reshape_2"), "shuffle")
    x = m.quantized(m.convolution(x, (4, 3), "last"), "last")
    return m.finish(m.node("Tanh", [x], "last/Tanh"), 3, 32, 32)


def convolution(bias: str = "float", **weight: Any) -> onnx.ModelProto:
    """One quantized convolution; ``weight`` as in ``QdqModel.weight``."""
    m = QdqModel(16, 8, 8)
    x = m.quantized("x", "input")
    y = m.convolution(x, (16, 16), "body", **weight)
    if bias == "int32":
        integers = m.constant("integers", np.arange(16, dtype=np.int32))
        scale = m.constant("bias.scale", np.full(16, 0.01, np.float32))
        m._nodes[-1].input[2] = "bias/DequantizeLinear:0"
        conv = m._nodes.pop()
        m.node("DequantizeLinear", [integers, scale], "bias/DequantizeLinear", axis=0)
        m._nodes.append(conv)
    return m.finish(m.node("Tanh", [m.quantized(y, "body")], "body/Tanh"), 16, 8, 8)


def transposed() -> onnx.ModelProto:
    m = QdqModel(16, 8, 8)
    weight = m.weight((16, 8, 4, 4), "up.weight", axis=1)
    x = m.quantized("x", "input")
    y = m.node("ConvTranspose", [x, weight], "up/ConvTranspose", pads=[1] * 4, strides=[2, 2])
    return m.finish(m.node("Tanh", [m.quantized(y, "up")], "up/Tanh"), 8, 16, 16)


def gemm() -> onnx.ModelProto:
    m = QdqModel(64)
    inputs = [
        m.quantized("x", "input"),
        m.weight((64, 32), "fc.weight", 1),
        m.floats("fc.bias", 32),
    ]
    y = m.quantized(m.node("Gemm", inputs, "fc/Gemm"), "fc")
    return m.finish(m.node("Tanh", [y], "fc/Tanh"), 32)


def weight_only(kind: Any) -> onnx.ModelProto:
    """A convolution with a stored integer weight and float activations."""
    m = QdqModel(64, 8, 8)
    return m.finish(m.convolution("x", (64, 64), "body", kind=kind), 64, 8, 8)


def float_pair() -> onnx.ModelProto:
    """Two convolutions around two Resizes that share their scales."""
    m = QdqModel(8, 8, 8)
    scales = m.constant("scales", np.array([1, 1, 2, 2], np.float32))
    x = "x"
    for name in ("a", "b"):
        x = m.node("Resize", [x, "", scales], f"{name}/Resize", mode="nearest")
        weight, bias = m.floats(f"{name}.weight", 8, 8, 3, 3), m.floats(f"{name}.bias", 8)
        x = m.node("Conv", [x, weight, bias], f"{name}/Conv", pads=[1, 1, 1, 1])
    return m.finish(x, 8, 32, 32)


def images(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)
