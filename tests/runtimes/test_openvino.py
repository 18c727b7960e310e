"""OpenVINO as a runtime: what it executes, and that it computes what the operators' definition says."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from edgegan.checks.tapped_engine import TappedEngine
from edgegan.devices import why_not_native
from edgegan.errors import BundleError, UnavailableError
from edgegan.generators.stylegan import Generator
from edgegan.latency.environment import environment
from edgegan.quantization.placement import quantized_nodes
from edgegan.runtimes.openvino import OpenVinoRuntime, execution_map_of
from edgegan.runtimes.ort import OrtRuntime
from edgegan.simulation.processors import OPENVINO
from edgegan.targets import SYMMETRIC_8, find_target
from tests.emitted import Emitted, emitted
from tests.machine import requires_exact_cpu
from tests.simulation.test_operators import CASES

requires_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="openvino is not installed"
)


@pytest.fixture(scope="module")
def small() -> Emitted:
    module = nn.Sequential(
        nn.Conv2d(16, 24, 3, 1, 1), nn.ReLU(), nn.Conv2d(24, 8, 3), nn.LeakyReLU(0.1),
        nn.ConvTranspose2d(8, 8, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip
    return emitted(module, (16, 8, 6), grid=SYMMETRIC_8)


@requires_openvino
def test_images_of_any_batch_are_those_of_onnx_runtime_in_float(small: Emitted) -> None:
    ours, theirs = OpenVinoRuntime().load(small.original), OrtRuntime().load(small.original)
    for count in (1, 3):
        inputs = small.inputs(count)
        image, expected = ours.run(inputs)["image"], theirs.run(inputs)["image"]
        assert image.shape == expected.shape
        np.testing.assert_allclose(image, expected, atol=1e-5)


@requires_openvino
def test_layers_run_on_integers_or_in_float(small: Emitted) -> None:
    quantized = OpenVinoRuntime().execution_map(small.onnx)
    assert quantized.mac_share == 1.0
    assert OpenVinoRuntime().execution_map(small.original).mac_share == 0.0


def test_kernels_of_fused_nodes() -> None:
    """A tensor within a kernel cannot be read, nor one that a convolution adds its sum to."""
    tensor, node = onnx.helper.make_tensor_value_info, onnx.helper.make_node
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["a"], name="a/Q"),
        node("DequantizeLinear", ["a", "s", "z"], ["b"], name="a/D"),
        node("Conv", ["b", "w"], ["c"], name="layer/Conv"),
        node("QuantizeLinear", ["c", "s", "z"], ["d"], name="d/Q"),
        node("DequantizeLinear", ["d", "s", "z"], ["e"], name="d/D"),
        node("Add", ["b", "e"], ["f"], name="sum/Add"),
        node("QuantizeLinear", ["f", "s", "z"], ["g"], name="g/Q"),
        node("DequantizeLinear", ["g", "s", "z"], ["y"], name="g/D"),
    ]
    constants = {
        "s": np.float32(1),
        "z": np.int8(0),
        "w": np.ones((4, 4, 1, 1), np.float32),
    }
    graph = onnx.helper.make_graph(
        nodes, "g", [tensor("x", 1, [1, 4, 2, 2])], [tensor("y", 1, None)],
        [onnx.numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )  # fmt: skip
    opset = [onnx.helper.make_opsetid("", 21)]
    source = onnx.helper.make_model(graph, opset_imports=opset, ir_version=10)

    def kernel(kind: str, output: str, *names: str) -> dict[str, str]:
        keys = ("layerType", "runtimePrecision", "outputPrecisions", "originalLayersNames")
        return dict(zip(keys, (kind, "i8", output, ",".join(names)), strict=True))

    alone = [
        kernel("Subgraph", "i8", "a/Q"),
        kernel("Convolution", "i8", "layer/Conv/WithoutBiases", "layer/Conv", "d/Q"),
        kernel("Subgraph", "i8", "sum/Add", "g/Q"),
    ]
    execution = execution_map_of(source, alone)
    assert [(x.layer, x.kernel, x.precision, x.macs) for x in execution.layers] == [
        ("layer/Conv", "Convolution", "int8", 64)
    ]
    assert execution.fused == execution.overwritten == execution.unrounded == set()
    joint = [alone[0], kernel("Convolution", "i8", "layer/Conv", "d/Q", "sum/Add", "g/Q")]
    execution = execution_map_of(source, joint)
    assert execution.fused == execution.unrounded == {"d"}
    assert execution.overwritten == {"a"}


class Blocks(nn.Module):
    """Residual blocks one behind the other; every second one with an activation in front of its sum."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(16, 32, 1), nn.Conv2d(32, 8, 1)
        self.inner = nn.ModuleList([nn.Conv2d(32, 32, 3, 1, 1) for _ in range(4)])
        self.outer = nn.ModuleList([nn.Conv2d(32, 32, 3, 1, 1) for _ in range(4)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        for index, (inner, outer) in enumerate(zip(self.inner, self.outer, strict=True)):
            y = outer(inner(x).relu())
            x = x + (nn.functional.leaky_relu(y, 0.2) if index % 2 else y)
        return self.last(x)


@pytest.mark.slow
@requires_openvino
@requires_exact_cpu
def test_sums_in_place_are_read_and_followed() -> None:
    model = emitted(Blocks(), (16, 12, 12), grid=SYMMETRIC_8)
    execution = OpenVinoRuntime().execution_map(model.onnx)
    assert execution.unrounded == {"outer_0_quantized", "outer_2_quantized"}
    assert len(execution.overwritten) == 4
    parity = model.parity(OpenVinoRuntime(), OPENVINO)
    assert execution.overwritten <= set(parity.tensors)
    assert parity.max_lsb <= 1
    assert parity.tapped_as_shipped


@requires_openvino
@requires_exact_cpu
@pytest.mark.parametrize(
    "name", ["residual", "pooled-attention", "instance-norm", "depthwise", "reflection"]
)
def test_parity_within_one_step(name: str) -> None:
    model = emitted(CASES[name].module, (16, 8, 6), grid=SYMMETRIC_8)
    parity = model.parity(OpenVinoRuntime(), OPENVINO)
    assert parity.max_lsb <= find_target("openvino-x86").parity_lsb
    assert parity.tapped_as_shipped
    assert len(parity.tensors) >= 2


@pytest.mark.slow
@requires_openvino
@requires_exact_cpu
def test_outputs_that_become_another_tensor_keep_their_names() -> None:
    """For a batch of 1 some movements do nothing, and tensors before and behind them become one."""
    target = find_target("openvino-x86")
    generator = Generator(8, (8, 8, 4), 2, image_channels=1)
    made = emitted(generator, (8,), target.lowering, target.grid)
    names = quantized_nodes(made.placed.graph)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(made.onnx)
        tapped = TappedEngine(path, names, OpenVinoRuntime())
        for batch in (2, 1):
            found = tapped.read(made.inputs(batch))
            assert list(found) == tapped.names
            assert len(found) > 10


def test_a_broken_model_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(BundleError, match=r"broken\.onnx"):
        OpenVinoRuntime().load(path)
    with pytest.raises(BundleError, match="cannot be read"):
        OpenVinoRuntime().load(tmp_path / "missing.onnx")


def test_its_absence_is_one_sentence(monkeypatch: pytest.MonkeyPatch, small: Emitted) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UnavailableError, match=r"pip install 'edgegan\[openvino\]'\.$"):
        OpenVinoRuntime().load(small.onnx)
    assert why_not_native(find_target("openvino-x86"), environment())
