"""What is read from model files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgegan.handoff.facts import read_facts, wants_ort
from tests.handoff.models import two_input_model


@pytest.mark.parametrize(
    ("weight_type", "bits"),
    [
        (TensorProto.INT2, 2),
        (TensorProto.UINT2, 2),
        (TensorProto.INT4, 4),
        (TensorProto.UINT4, 4),
        (TensorProto.INT8, 8),
    ],
)
def test_narrow_weights_are_seen(tmp_path: Path, weight_type: int, bits: int) -> None:
    path = tmp_path / "model.onnx"
    two_input_model(path, weight_type)
    facts = read_facts(path)
    assert facts.weight_bits == bits
    assert facts.opset == (25 if bits == 2 else 21)
    assert facts.bytes == path.stat().st_size
    assert wants_ort(path) == (bits == 8)


def test_the_range_of_a_quantized_input(tmp_path: Path) -> None:
    """uint8 with scale 0.5 and zero point 100: (0 - 100) / 2 to (255 - 100) / 2."""
    graph = helper.make_graph(
        [
            helper.make_node("QuantizeLinear", ["z", "scale", "zero"], ["q"]),
            helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"]),
        ],
        "graph",
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])],
        [
            numpy_helper.from_array(np.float32(0.5), "scale"),
            numpy_helper.from_array(np.uint8(100), "zero"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(model, tmp_path / "model.onnx")
    assert read_facts(tmp_path / "model.onnx").input_ranges == {"z": (-50.0, 77.5)}
