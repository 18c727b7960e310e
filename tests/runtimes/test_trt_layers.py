"""Layer information: lines that TensorRT-RTX 1.7.1 logged, and JSON as NVIDIA documents it."""

from __future__ import annotations

import json

from edgegan.runtimes.trt_layers import EngineLayer, execution_map, from_build_log, from_inspector
from tests.runtimes.trt_models import QdqModel


def tensor(kind: str) -> str:
    return (
        "{ Name: t, Dimensions: [-1,16,8,8], Strides: [1024,1,128,16], StrideOrder: [3,0,2,1], "
        f"Datatype: {kind}, Format: (NHWC) Channel major format }}"
    )


def line(kind: str, inputs: list[str], constants: list[str], *nodes: str) -> str:
    def listed(kinds: list[str]) -> str:
        return "[ " + ", ".join(tensor(kind) for kind in kinds) + "]" if kinds else "[]"

    return (
        f"Name: {nodes[0] if nodes else '__mye1'}_myl0_2, LayerType: {kind}, Inputs: {listed(inputs)}, "
        f"Constants: {listed(constants)}, Outputs: {listed(['Float'] if inputs else [])}, TacticName: "
        "__myelin_CASK_STUB, StreamId: 0, Metadata: "
        + "\x1e".join(f"[ONNX Layer: {node}]" for node in nodes)
    )


def log(*lines: str) -> list[tuple[str, str]]:
    listing = "\n".join(["Layers:", *lines, "", "I/O Tensors:", " Name: x, IOMode: Input"])
    return [("INFO", "Detected 1 inputs"), ("VERBOSE", listing)]


def test_layers_of_a_build_log() -> None:
    wait = line("wait", [], []).replace("StreamId: 0,", "StreamId: 1, EventId: 1,")
    conv = line("correlation", ["Int8"], ["Int8", "Float"], "a/Conv", "a/DequantizeLinear")
    assert from_build_log(log(wait, conv)) == (
        EngineLayer("wait", (), (), ()),
        EngineLayer("correlation", ("Int8",), ("Int8", "Float"), ("a/Conv", "a/DequantizeLinear")),
    )


def test_both_factors_must_be_int8() -> None:
    def multiplies(inputs: tuple[str, ...], constants: tuple[str, ...]) -> bool:
        return EngineLayer("gemm", inputs, constants, ()).multiplies_int8

    assert multiplies(("Int8",), ("Int8", "Float", "Float"))  # convolution
    assert multiplies(("Int8", "Int8"), ("Float", "Float"))  # product of two activations
    assert not multiplies(("Float", "Float"), ("Float",))  # Turing: weights widened before
    assert not multiplies(("Half",), ("Int4", "Half"))  # weight-only
    assert not multiplies((), ("Float", "Int8"))  # the widening itself


def test_the_map_takes_the_layer_that_multiplies() -> None:
    m = QdqModel(16, 8, 8)
    x = m.convolution(m.quantized("x", "in"), (16, 16), "a")
    x = m.convolution(m.quantized(x, "mid"), (16, 8), "b")
    layers = from_build_log(
        log(
            line("kgen", ["Float"], ["Float"], "in/QuantizeLinear"),
            line("correlation", ["Int8"], ["Int8", "Float"], "a/Conv"),
            line("kgen", ["Float"], ["Float"], "a/Conv", "mid/QuantizeLinear"),
            line("correlation", ["Float", "Float"], ["Float"], "b/Conv"),
        )
    )
    found = execution_map(layers, m.finish(x, 8, 8, 8))
    macs = 8 * 8 * 16 * 9
    assert [(e.layer, e.kernel, e.precision, e.macs) for e in found.layers] == [
        ("a/Conv", "correlation", "int8", 16 * macs),
        ("b/Conv", "correlation", "float", 8 * macs),
    ]
    assert found.kernels == {"correlation": 2, "kgen": 2}
    assert found.mac_share == 2 / 3


def test_a_layer_that_is_not_named_counts_as_float() -> None:
    m = QdqModel(16, 8, 8)
    found = execution_map((), m.finish(m.convolution("x", (16, 16), "a"), 16, 8, 8))
    assert [(e.kernel, e.precision) for e in found.layers] == [("Conv", "float")]


def test_the_inspector_of_tensorrt_10() -> None:
    text = "Thirty-two wide channel vectorized row major Int8 format."
    layer = {
        "Name": "a/Conv + a/Relu",
        "LayerType": "CaskConvolution",
        "Inputs": [{"Name": "x", "Dimensions": [16, 512, 28, 28], "Format/Datatype": text}],
        "Outputs": [{"Name": "y", "Dimensions": [16, 256, 28, 28], "Format/Datatype": text}],
        "Weights": {"Type": "Int8", "Count": 131072},
        "Metadata": "[ONNX Layer: a/Conv]\x1e[ONNX Layer: a/Relu]",
    }
    reformat = {
        "Name": "Reformatting CopyNode",
        "LayerType": "Reformat",
        "Inputs": [{"Name": "x", "Format/Datatype": "Row major linear FP16 format"}],
        "Metadata": "",
    }
    assert from_inspector(json.dumps({"Layers": [reformat, layer], "Bindings": ["x", "y"]})) == (
        EngineLayer("Reformat", ("Half",), (), ()),
        EngineLayer("CaskConvolution", ("Int8",), ("Int8",), ("a/Conv", "a/Relu")),
    )


def test_the_inspector_of_tensorrt_11() -> None:
    layer = {
        "Name": "a_myl0_2",
        "LayerType": "correlation",
        "Inputs": [{"Name": "x", "DataType": "Int8", "Format": "(NHWC) Channel major format"}],
        "Constants": [{"Name": "w", "DataType": "Int8"}, {"Name": "s", "DataType": "Float"}],
        "Metadata": "[ONNX Layer: a/Conv]",
    }
    assert from_inspector(json.dumps({"Layers": [layer]})) == (
        EngineLayer("correlation", ("Int8",), ("Int8", "Float"), ("a/Conv",)),
    )


def test_an_engine_without_detailed_verbosity_tells_names_only() -> None:
    assert from_inspector(json.dumps({"Layers": ["a/Conv + a/Relu"]})) == ()
