from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.ceiling import Machine, Work, ceiling, work_of

MACHINE = Machine({"slow": 1e9, "fast": 4e9}, {1000: 8e6, 100_000: 2e6})


def test_ceiling_by_hand() -> None:
    work = Work(macs=2_000_000, weights=400, activations=100)
    one = ceiling(work, MACHINE, threads=1, batch=1)
    # 2e6 / 4e9 s; 500 bytes fit the working set of 1000: 500 / 8e6 s
    assert one.compute_ms == pytest.approx(0.5)
    assert one.memory_ms == pytest.approx(0.0625)
    assert one.ms == pytest.approx(0.5625)
    many = ceiling(work, MACHINE, threads=2, batch=16)
    # weights once, activations 16 times: 2000 bytes at 2e6; two threads halve both
    assert many.compute_ms == pytest.approx(4.0)
    assert many.memory_ms == pytest.approx(0.5)


def test_bandwidth_beyond_what_was_measured_is_that_of_the_largest() -> None:
    assert MACHINE.bandwidth(1000) == 8e6
    assert MACHINE.bandwidth(1001) == 2e6
    assert MACHINE.bandwidth(10**9) == 2e6


def test_machine_survives_json() -> None:
    assert Machine.from_json(MACHINE.as_json()) == MACHINE


def _model(nodes: list[onnx.NodeProto], weights: dict[str, tuple[int, ...]]) -> onnx.ModelProto:
    tensors = [
        numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in weights.items()
    ]
    tensors.append(numpy_helper.from_array(np.float32(0.1), "scale"))
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2, 4, 4])
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [image], [output], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def _convolution(x: str, weight: str, y: str, name: str, pad: int) -> onnx.NodeProto:
    return helper.make_node("Conv", [x, weight], [y], name=name, pads=[pad] * 4)


def test_work_of_a_model_by_hand() -> None:
    model = _model(
        [
            _convolution("x", "w1", "a", "first/Conv", 1),
            helper.make_node("QuantizeLinear", ["a", "scale"], ["aq"]),
            helper.make_node("DequantizeLinear", ["aq", "scale"], ["ad"]),
            _convolution("ad", "w2", "b", "second/Conv", 0),
            _convolution("ad", "w3", "c", "second/Conv_2", 0),
            helper.make_node("Add", ["b", "c"], ["y"]),
        ],
        {"w1": (3, 2, 3, 3), "w2": (1, 3, 1, 1), "w3": (1, 3, 1, 1)},
    )
    work = work_of([model])
    # 3 x 4 x 4 outputs of 2 x 9 taps; twice 1 x 4 x 4 outputs of 3 taps
    assert work.macs == 48 * 18 + 2 * 16 * 3
    assert work.weights == 54 + 3 + 3
    # first: reads 32, writes 48; second: reads the same 48 once behind its quantizers, writes 2 x 16
    assert work.activations == (32 + 48) + (48 + 32)


def test_a_layer_of_two_forms_counts_with_the_fewer_multiplications() -> None:
    def form(first: int, second: int) -> onnx.ModelProto:
        return _model(
            [
                _convolution("x", "w1", "a", "first/Conv", first // 2),
                _convolution("a", "w2", "y", "second/Conv", second // 2),
            ],
            {"w1": (2, 2, first, first), "w2": (2, 2, second, second)},
        )

    work = work_of([form(1, 5), form(3, 3)])
    # 32 outputs each; the first layer with 2 x 1 taps, the second with 2 x 9
    assert work.macs == 32 * 2 + 32 * 18


def test_what_is_computed_from_weights_is_a_weight() -> None:
    nodes = [
        helper.make_node("Div", ["w1", "norm"], ["w"]),
        _convolution("x", "w", "y", "first/Conv", 0),
    ]
    work = work_of([_model(nodes, {"w1": (2, 2, 1, 1), "norm": (1,)})])
    assert (work.weights, work.activations) == (4, 32 + 32)


def test_a_normalization_reads_and_writes_once_more() -> None:
    nodes = [
        _convolution("x", "w1", "a", "first/Conv", 0),
        helper.make_node("InstanceNormalization", ["a", "g", "b"], ["y"], name="norm/Norm"),
    ]
    model = _model(nodes, {"w1": (2, 2, 1, 1), "g": (2,), "b": (2,)})
    assert work_of([model]).activations == 4 * 32
