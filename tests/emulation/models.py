"""Quantized models of many independent layers: one emulated run checks many sets of scales."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper


class Builder:
    """Collects nodes on uint8 inputs; every node has a name, as the execution map wants it."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, shape: tuple[int, ...]) -> str:
        self._inputs.append(
            helper.make_tensor_value_info(name, TensorProto.UINT8, ["batch", *shape[1:]])
        )
        return name

    def constant(self, value: Any) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"n{len(self._nodes)}"
        self._nodes.append(
            helper.make_node(operator, inputs, [f"t_{name}"], name=name, **attributes)
        )
        return f"t_{name}"

    def dequantize(self, name: str, scale: Any, zero_point: Any, **attributes: Any) -> str:
        grid = self.constant(scale), self.constant(zero_point)
        return self.node("DequantizeLinear", name, *grid, **attributes)

    def activation(self, name: str, scale: float, zero_point: int) -> str:
        return self.dequantize(name, np.float32(scale), np.uint8(zero_point))

    def weight(self, integers: NDArray[np.int8], scales: NDArray[np.float32]) -> str:
        zeros = np.zeros(len(integers), np.int8)
        return self.dequantize(self.constant(integers), scales, zeros, axis=0)

    def output(self, name: str, scale: float, zero_point: int) -> str:
        grid = self.constant(np.float32(scale)), self.constant(np.uint8(zero_point))
        quantized = self.node("QuantizeLinear", name, *grid)
        self._outputs.append(helper.make_tensor_value_info(quantized, TensorProto.UINT8, None))
        return quantized

    def model(self) -> bytes:
        graph = helper.make_graph(
            self._nodes, "layers", self._inputs, self._outputs, self._constants
        )
        opset = [helper.make_opsetid("", 21)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=10)
        return bytes(model.SerializeToString())


def convolution(weight_limit: int) -> bytes:
    """One int8 convolution, ``x`` uint8 ``[N, 32, 12, 12]``, with weights up to ``weight_limit``."""
    random = np.random.default_rng(5)
    weight = random.integers(-weight_limit, weight_limit + 1, (48, 32, 3, 3)).astype(np.int8)
    builder = Builder()
    x = builder.activation(builder.input("x", (1, 32, 12, 12)), 0.02, 3)
    y = builder.node("Conv", x, builder.weight(weight, np.full(48, 0.001, np.float32)))
    builder.output(y, 0.0007 * weight_limit, 128)
    return builder.model()


def bytes_of(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Large values are frequent: sums of two products leave 16 bits."""
    random = np.random.default_rng(6)
    return np.where(random.random(shape) < 0.6, 255, random.integers(0, 256, shape)).astype(
        np.uint8
    )
