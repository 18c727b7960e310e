"""The formulas against ONNX Runtime's own kernels, exhaustively where that is possible."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from edgegan.runtimes.ort import OrtRuntime
from edgegan.simulation.arithmetic import (
    Accumulator,
    Binary,
    Quantized,
    integer_bias,
    quantize,
    requantize,
    requantize_binary,
)
from tests.machine import EXACT


def qdq_model(
    operator: str,
    inputs: list[tuple[str, float, int, list[int]]],
    output: tuple[float, int] | None,
    weight: tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.float32]] | None = None,
    relu: bool = False,
) -> bytes:
    """uint8 inputs → DequantizeLinear → operator → QuantizeLinear → uint8, or float without ``output``."""
    nodes, constants, declared = [], [], []

    def constant(name: str, value: Any) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    operands = []
    for name, scale, zero, shape in inputs:
        s, z = constant(name + "_s", np.float32(scale)), constant(name + "_z", np.uint8(zero))
        nodes.append(helper.make_node("DequantizeLinear", [name, s, z], [name + "_f"]))
        declared.append(helper.make_tensor_value_info(name, TensorProto.UINT8, shape))
        operands.append(name + "_f")
    if weight is not None:
        integers, scales, bias = weight
        w, s = constant("w", integers), constant("w_s", scales)
        z = constant("w_z", np.zeros(scales.shape, np.int8))
        nodes.append(helper.make_node("DequantizeLinear", [w, s, z], ["w_f"], axis=0))
        operands += ["w_f", constant("b", bias)]
    nodes.append(helper.make_node(operator, operands, ["y"], name="layer"))
    last = "y"
    if relu:
        nodes.append(helper.make_node("Relu", ["y"], ["r"]))
        last = "r"
    kind = TensorProto.FLOAT
    if output is not None:
        s, z = constant("o_s", np.float32(output[0])), constant("o_z", np.uint8(output[1]))
        nodes.append(helper.make_node("QuantizeLinear", [last, s, z], ["q"]))
        last, kind = "q", TensorProto.UINT8
    graph = helper.make_graph(
        nodes,
        "g",
        declared,
        [helper.make_tensor_value_info(last, kind, None)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return model.SerializeToString()


def tensor(integers: NDArray[Any], scale: float, zero: int) -> Quantized:
    return Quantized(
        torch.from_numpy(integers.astype(np.float64)),
        torch.tensor(scale, dtype=torch.float32),
        torch.tensor(float(zero), dtype=torch.float64),
    )


@pytest.mark.parametrize("operator", ["Add", "Mul"])
@pytest.mark.parametrize("relu", [False, True])
def test_binary_operators_on_all_pairs_of_bytes(operator: str, relu: bool) -> None:
    random = np.random.default_rng(3)
    a, b = (grid.astype(np.uint8) for grid in np.meshgrid(np.arange(256), np.arange(256)))
    for _ in range(12):
        scales = random.uniform(0.001, 0.1, 3)
        zeros = random.integers(0, 256, 3)
        if relu:
            zeros[2] = 0
        model = qdq_model(
            operator,
            [("a", scales[0], zeros[0], [256, 256]), ("b", scales[1], zeros[1], [256, 256])],
            (scales[2], zeros[2]),
            relu=relu,
        )
        runtime = OrtRuntime()
        assert f"QLinear{operator}" in runtime.execution_map(model).kernels
        expected = runtime.load(model).run({"a": a, "b": b})["q"]
        pending = Binary(
            operator.lower(), tensor(a, scales[0], zeros[0]), tensor(b, scales[1], zeros[1]), relu
        )
        scale = torch.tensor(scales[2], dtype=torch.float32)
        actual = requantize_binary(pending, scale, torch.tensor(float(zeros[2])), 0, 255)
        np.testing.assert_array_equal(actual.integers.numpy().astype(np.uint8), expected)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_convolution(relu: bool, seed: int) -> None:
    random = np.random.default_rng(seed)
    x = random.integers(0, 256, (4, 8, 9, 9)).astype(np.uint8)
    w = random.integers(-128, 128, (16, 8, 3, 3)).astype(np.int8)
    scales = random.uniform(0.001, 0.01, 16).astype(np.float32)
    bias = random.normal(size=16).astype(np.float32)
    s_x, z_x, s_y, z_y = 0.02, int(random.integers(256)), 0.05, 0 if relu else 120
    model = qdq_model("Conv", [("x", s_x, z_x, [4, 8, 9, 9])], (s_y, z_y), (w, scales, bias), relu)
    runtime = OrtRuntime()
    execution = runtime.execution_map(model)
    assert execution.kernels.get("QLinearConv") == 1
    if not EXACT:
        pytest.skip("this CPU's 8-bit products saturate: no VNNI")
    expected = runtime.load(model).run({"x": x})["q"]
    sums = integer_convolution(x.astype(np.int64) - z_x, w.astype(np.int64))
    scale = torch.tensor(s_x, dtype=torch.float32) * torch.from_numpy(scales)
    units = integer_bias(torch.from_numpy(bias), scale)
    total = torch.from_numpy(sums).double() + units.view(1, -1, 1, 1)
    accumulated = Accumulator(total, scale.view(1, -1, 1, 1), rectified=relu)
    actual = requantize(
        accumulated, torch.tensor(s_y, dtype=torch.float32), torch.tensor(float(z_y)), 0, 255
    )
    np.testing.assert_array_equal(actual.integers.numpy().astype(np.uint8), expected)


def test_matrix_products() -> None:
    """To a grid (QLinearMatMul) and to float values (MatMulIntegerToFloat), with sums beyond 24 bits."""
    random = np.random.default_rng(0)
    shapes = {"a": (3, 33, 700), "b": (3, 700, 17)}
    x = {name: random.integers(0, 256, shape).astype(np.uint8) for name, shape in shapes.items()}
    for high in range(6):
        scales, zeros = random.uniform(0.001, 0.1, 3), random.integers(0, 256, 3)
        if high == 5:
            x = {name: np.maximum(value, 250) for name, value in x.items()}
            zeros[:] = 0
        a, b = (tensor(x[k], s, z) for k, s, z in zip("ab", scales, zeros, strict=False))
        sums = (a.integers - a.zero_point) @ (b.integers - b.zero_point)
        pending = Accumulator(sums, a.scale * b.scale)
        scale = torch.tensor(float(pending.values().abs().max()) / 200)
        zero = torch.tensor(float(zeros[2]))
        inputs = [(k, s, z, list(x[k].shape)) for k, s, z in zip("ab", scales, zeros, strict=False)]
        for model, kernel, expected in (
            (qdq_model("MatMul", inputs, (float(scale), zeros[2])), "QLinearMatMul",
             requantize(pending, scale, zero, 0, 255).integers.numpy()),
            (qdq_model("MatMul", inputs, None), "MatMulIntegerToFloat", pending.values().numpy()),
        ):  # fmt: skip
            runtime = OrtRuntime()
            assert runtime.execution_map(model).kernels[kernel] == 1
            (actual,) = runtime.load(model).run(x).values()
            np.testing.assert_array_equal(actual, expected)
    assert sums.max() > 2**24


def integer_convolution(x: NDArray[np.int64], w: NDArray[np.int64]) -> NDArray[np.int64]:
    """Valid convolution in 64-bit integers, by its definition."""
    rows, columns = x.shape[2] - w.shape[2] + 1, x.shape[3] - w.shape[3] + 1
    out = np.zeros((len(x), len(w), rows, columns), np.int64)
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            window = x[:, :, i : i + rows, j : j + columns]
            out += np.einsum("nchw,oc->nohw", window, w[:, :, i, j])
    return out


def test_float64_sums_are_exact() -> None:
    """The simulation's convolution (float64) against 64-bit integers, at the largest values."""
    x = np.full((1, 512, 5, 5), 255, np.int64)
    w = np.full((2, 512, 3, 3), -128, np.int64)
    w[1] = 127
    floating = torch.nn.functional.conv2d(
        torch.from_numpy(x).double(), torch.from_numpy(w).double()
    )
    np.testing.assert_array_equal(floating.numpy().astype(np.int64), integer_convolution(x, w))


def test_quantize_against_onnx() -> None:
    x = np.concatenate([np.linspace(-3, 3, 5001), [0.5, 1.5, 2.5, np.float32(0.05) * 2.5]])
    x = x.astype(np.float32)
    nodes = [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"])]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None])],
        [helper.make_tensor_value_info("q", TensorProto.UINT8, None)],
        [
            numpy_helper.from_array(np.float32(0.05), "s"),
            numpy_helper.from_array(np.uint8(30), "z"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    expected = ReferenceEvaluator(model).run(None, {"x": x})[0]
    runtime = OrtRuntime().load(model.SerializeToString()).run({"x": x})["q"]
    actual = quantize(torch.from_numpy(x), torch.tensor(0.05), torch.tensor(30.0), 0, 255)
    np.testing.assert_array_equal(actual.integers.numpy().astype(np.uint8), expected)
    np.testing.assert_array_equal(actual.integers.numpy().astype(np.uint8), runtime)
