"""Layers that a recipe keeps in float, between integer ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from edgegan.emit.export import export_onnx
from edgegan.lowering.capture import capture
from edgegan.lowering.lower import lower
from edgegan.quantization.calibrate import calibrate
from edgegan.runtimes.ort import OrtRuntime
from edgegan.simulation.exact import simulate
from edgegan.targets import AFFINE_U8, ORT_LOWERING
from tests.machine import requires_exact_cpu
from tests.placing import place_alike
from tests.tuning.toys import MIN_MAX

SHAPE = (3, 6, 6)


def three(last_relu: bool) -> nn.Module:
    torch.manual_seed(3)
    end: list[nn.Module] = [nn.ReLU()] if last_relu else []
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, 1, 1),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, 1, 1),
        *end,
        nn.Conv2d(4, 3, 3, 1, 1),
    ).eval()


@requires_exact_cpu
@pytest.mark.parametrize("last_relu", [True, False])
def test_it_computes_in_float_and_every_tensor_is_as_simulated(
    tmp_path: Path, last_relu: bool
) -> None:
    example = (torch.randn(2, *SHAPE),)
    graph = lower(capture(three(last_relu), example), ORT_LOWERING, example, example).graph
    placed = place_alike(graph, AFFINE_U8, 8, True, keep_float=("2",))
    calibrate(placed, [(torch.randn(16, *SHAPE),)], MIN_MAX)
    path = tmp_path / "model.onnx"
    path.write_bytes(_bytes(export_onnx(placed.graph, example, ["x"], "image", 21)))
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    layers = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    assert layers.count("QLinearConv") == 2
    assert sum("Conv" in layer for layer in layers) == 3
    x = torch.randn(5, *SHAPE)
    (image,) = OrtRuntime().load(path).run({"x": x.numpy()}).values()
    np.testing.assert_array_equal(image, simulate(placed.graph, (x,)).output.numpy())


@requires_exact_cpu
def test_the_clip_ends_where_the_grid_does(tmp_path: Path) -> None:
    example = (torch.randn(2, *SHAPE),)
    graph = lower(capture(three(True), example), ORT_LOWERING, example, example).graph
    placed = place_alike(graph, AFFINE_U8, 8, True, keep_float=("2",))
    calibrate(placed, [(torch.randn(16, *SHAPE),)], MIN_MAX)
    model = onnx.load_from_string(_bytes(export_onnx(placed.graph, example, ["x"], "image", 21)))
    clips = [node for node in model.graph.node if node.op_type == "Clip"]
    known = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    by_output = {node.output[0]: node for node in model.graph.node}
    assert len(clips) == 1
    for clip in clips:
        source = by_output[clip.input[0]]
        assert source.op_type == "DequantizeLinear"
        session = onnxruntime.InferenceSession(
            onnx.helper.make_model(
                onnx.helper.make_graph(
                    [onnx.helper.make_node("DequantizeLinear", ["q", *source.input[1:]], ["y"])],
                    "ends",
                    [onnx.helper.make_tensor_value_info("q", onnx.TensorProto.UINT8, [2])],
                    [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2])],
                    [t for t in model.graph.initializer if t.name in source.input],
                ),
                opset_imports=[onnx.helper.make_opsetid("", 21)],
                ir_version=10,
            ).SerializeToString(),
            providers=["CPUExecutionProvider"],
        )
        (ends,) = session.run(None, {"q": np.array([0, 255], np.uint8)})
        assert [known[name].item() for name in clip.input[1:]] == ends.tolist()


def _bytes(model: ir.Model) -> bytes:
    return bytes(ir.to_proto(model).SerializeToString())
