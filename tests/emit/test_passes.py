"""Passes on small ONNX graphs, checked by running both versions."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from edgegan.emit.passes import FoldZeroPad, MergeSlices


def model(nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray]) -> onnx.ModelProto:  # type: ignore[type-arg]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 6, 7])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def apply(rule: ir.passes.InPlacePass, proto: onnx.ModelProto) -> onnx.ModelProto:
    return ir.to_proto(rule(ir.from_proto(proto)).model)


def run(proto: onnx.ModelProto) -> np.ndarray:  # type: ignore[type-arg]
    x = np.random.default_rng(0).normal(size=(1, 2, 6, 7)).astype(np.float32)
    return ReferenceEvaluator(proto).run(None, {"x": x})[0]


def padded(mode: str, amounts: list[int], value: float) -> onnx.ModelProto:
    return model(
        [
            helper.make_node("Pad", ["x", "p", "v"], ["m"], mode=mode),
            helper.make_node("Conv", ["m", "w"], ["y"], pads=[1, 0, 0, 1]),
        ],
        {
            "p": np.array(amounts, np.int64),
            "v": np.array(value, np.float32),
            "w": np.random.default_rng(1).normal(size=(3, 2, 3, 3)).astype(np.float32),
        },
    )


def test_zero_padding_goes_into_the_convolution() -> None:
    before = padded("constant", [0, 0, 1, 2, 0, 0, 0, 1], 0.0)
    after = apply(FoldZeroPad(), before)
    assert [node.op_type for node in after.graph.node] == ["Conv"]
    np.testing.assert_allclose(run(after), run(before), rtol=1e-6)


@pytest.mark.parametrize(
    ("mode", "amounts", "value"),
    [
        ("constant", [0, 0, 1, 1, 0, 0, 1, 1], 0.5),
        ("reflect", [0, 0, 1, 1, 0, 0, 1, 1], 0.0),
        ("constant", [0, 0, -1, 0, 0, 0, 0, 0], 0.0),
    ],
)
def test_other_padding_stays(mode: str, amounts: list[int], value: float) -> None:
    after = apply(FoldZeroPad(), padded(mode, amounts, value))
    assert [node.op_type for node in after.graph.node] == ["Pad", "Conv"]


def sliced(axes: tuple[int, int]) -> onnx.ModelProto:
    nodes, constants, source = [], {}, "x"
    for i, axis in enumerate(axes):
        for name, value in (("s", 1), ("e", 5), ("a", axis), ("t", 1)):
            constants[f"{name}{i}"] = np.array([value], np.int64)
        target = "y" if i else "m"
        nodes.append(
            helper.make_node("Slice", [source, f"s{i}", f"e{i}", f"a{i}", f"t{i}"], [target])
        )
        source = target
    return model(nodes, constants)


def test_slices_of_two_axes_merge() -> None:
    after = apply(MergeSlices(), sliced((2, 3)))
    assert [node.op_type for node in after.graph.node] == ["Slice"]
    np.testing.assert_array_equal(run(after), run(sliced((2, 3))))


def test_slices_of_one_axis_do_not() -> None:
    after = apply(MergeSlices(), sliced((2, 2)))
    assert [node.op_type for node in after.graph.node] == ["Slice", "Slice"]
