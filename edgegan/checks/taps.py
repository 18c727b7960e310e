"""A copy of a model whose quantized tensors are outputs too."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray


@dataclass(frozen=True)
class Tap:
    """One tensor that can be read.

    Attributes:
        output: of the tapped model, where it is read.
        scale, zero_point: of its grid where values are read, else None.
    """

    output: str
    scale: float | None = None
    zero_point: int = 0

    def integers(self, outputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Its integers, from what the tapped model gave."""
        read = outputs[self.output].astype(np.float64)
        return read if self.scale is None else np.rint(read / self.scale) + self.zero_point


def tap(model: Path, names: Collection[str], dequantized: bool) -> tuple[bytes, dict[str, Tap]]:
    """The tapped model, and its taps in graph order.

    Args:
        names: of quantized tensors; those that the model does not have are left out.
        dequantized: whether to read values, from which integers follow, where asking for integers
            would change what the runtime does.
    """
    proto = onnx.load(model)
    kinds = {value.name: value.data_type for value in proto.graph.initializer}
    taps: dict[str, Tap] = {}
    for node in proto.graph.node:
        if node.op_type == "QuantizeLinear" and node.output[0] in names and not dequantized:
            name = node.output[0]
            taps[name] = Tap(name)
            _add_output(proto, name, kinds[node.input[2]])
        if node.op_type == "DequantizeLinear" and node.input[0] in names and dequantized:
            name = node.input[0]
            if name not in taps:
                scale, zero = (_constant(proto, key) for key in node.input[1:3])
                taps[name] = Tap(node.output[0], float(scale), int(zero))
                _add_output(proto, node.output[0], onnx.TensorProto.FLOAT)
    return proto.SerializeToString(), taps


def _add_output(proto: onnx.ModelProto, name: str, kind: int) -> None:
    proto.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, None))


def _constant(proto: onnx.ModelProto, name: str) -> NDArray[Any]:
    tensor = next(value for value in proto.graph.initializer if value.name == name)
    return onnx.numpy_helper.to_array(tensor)
