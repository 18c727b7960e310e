"""Constants of an ONNX graph: read one, add one."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
from numpy.typing import NDArray


def constant_of(value: ir.Value | None) -> NDArray[Any]:
    """The array behind ``value``, which must be a constant."""
    tensor = None if value is None else ir.convenience.get_const_tensor(value)
    assert tensor is not None, "parameters of the graph are constants"
    return tensor.numpy()


def add_initializer(graph: ir.Graph, name: str, array: NDArray[Any]) -> ir.Value:
    """Register ``array`` under ``name``."""
    tensor = ir.tensor(array, name=name)
    value = ir.Value(
        name=name, const_value=tensor, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype)
    )
    graph.initializers[name] = value
    return value
