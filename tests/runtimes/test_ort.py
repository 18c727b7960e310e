"""MACs and execution maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from edgegan.emit.export import export_onnx
from edgegan.errors import BundleError
from edgegan.generators.dcgan import Generator
from edgegan.lowering.capture import capture
from edgegan.runtimes.macs import count_macs
from edgegan.runtimes.ort import OrtRuntime


def test_macs_against_torch() -> None:
    """torch.utils.flop_counter counts 2 FLOPs a MAC, and transposed convolutions exactly."""
    from torch.utils.flop_counter import FlopCounterMode

    module = Generator(8, (16, 8), 1).eval().requires_grad_(False)
    example = (torch.randn(2, 8),)
    proto = onnx.ModelProto()
    import onnx_ir as ir

    proto = ir.to_proto(export_onnx(capture(module, example), example, ["z"], "image", 21))
    with FlopCounterMode(display=False) as counter:
        module(torch.randn(1, 8))
    assert 2 * sum(macs for _, macs in count_macs(proto).values()) == counter.get_total_flops()


def gemm() -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w"], ["y"], name="layer/Gemm")],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 7])],
        [numpy_helper.from_array(np.ones((5, 7), np.float32), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def test_macs_by_hand() -> None:
    assert count_macs(gemm()) == {"layer/Gemm": ("Gemm", 35)}


def test_a_float_layer_is_called_float() -> None:
    execution = OrtRuntime().execution_map(gemm().SerializeToString())
    assert [(layer.layer, layer.precision) for layer in execution.layers] == [
        ("layer/Gemm", "float")
    ]
    assert execution.mac_share == 0.0


def test_a_broken_model_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(BundleError, match=r"cannot load .*broken\.onnx"):
        OrtRuntime().load(path)
