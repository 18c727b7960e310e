"""Weights on codebooks in the ONNX file: packed, folded at load, computed as the simulation says."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from onnx import TensorProto
from torch import nn

from edgegan.checks.parity import measure_parity
from edgegan.diagnosis.surgery import weight_twins
from edgegan.emit.codebooks import pack
from edgegan.emit.export import export_onnx
from edgegan.emit.rows import rows_as_pixels
from edgegan.generators.dcgan import Generator
from edgegan.handoff.facts import read_facts, wants_ort
from edgegan.lowering.capture import capture
from edgegan.lowering.graph import path_of
from edgegan.lowering.lower import lower
from edgegan.quantization.calibrate import Calibration, calibrate
from edgegan.quantization.observers import Quantiles, observer_of
from edgegan.quantization.placement import Placed
from edgegan.quantization.weight_quantizers.split_outliers import split_outliers
from edgegan.quantization.weights import Weights
from edgegan.runtimes.ort import OrtRuntime
from edgegan.targets import ORT_LOWERING, find_target, variant_of
from tests.machine import requires_exact_cpu
from tests.placing import place_alike

EXAMPLE = (torch.randn(2, 8),)


@pytest.fixture(scope="module")
def lowered() -> torch.fx.GraphModule:
    torch.manual_seed(0)
    module = Generator(8, (16, 9), 1).train()
    for _ in range(3):
        module(torch.randn(16, 8))
    graph = capture(module.eval().requires_grad_(False), EXAMPLE)
    return lower(graph, ORT_LOWERING, EXAMPLE, EXAMPLE).graph


def quantized(
    graph: torch.fx.GraphModule, name: str, bits: int, per_channel: bool, split: float = 0.0
) -> Placed:
    graph = copy.deepcopy(graph)
    if split:
        widths = {path_of(node): bits for node in graph.graph.nodes}
        split_outliers(graph, split, widths, per_channel)
    placed = place_alike(graph, find_target("ort-x86").grid, bits, per_channel, name)
    observer = observer_of("moving-average", Quantiles(0, 1), 0.99)
    settings = Calibration(observer, Quantiles(0, 1))
    calibrate(placed, [(torch.randn(16, 8),)], settings)
    return placed


def emit(graph: torch.fx.GraphModule, path: Path, opset: int = 21) -> onnx.ModelProto:
    model = export_onnx(rows_as_pixels(graph), EXAMPLE, ["latent"], "image", opset)
    ir.save(model, path)
    onnx.checker.check_model(str(path), full_check=True)
    return onnx.load(path)


def assert_exact(placed: Placed, path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(9, 8)).astype(np.float32)
    parity = measure_parity(path, placed.graph, {"latent": x}, OrtRuntime())
    assert parity.max_lsb == 0 and parity.tapped_as_shipped
    assert OrtRuntime().execution_map(path).mac_share == 1.0


@requires_exact_cpu
@pytest.mark.parametrize(
    ("name", "bits", "per_channel"),
    [("em", 1, True), ("em", 1, False), ("em", 2, True), ("em", 4, False), ("em", 5, True),
     ("log", 3, True), ("tanh", 4, True), ("min-max", 8, True), ("min-max", 3, False)],
)  # fmt: skip
def test_engine_equals_simulation(
    lowered: torch.fx.GraphModule, tmp_path: Path, name: str, bits: int, per_channel: bool
) -> None:
    placed = quantized(lowered, name, bits, per_channel)
    emit(placed.graph, tmp_path / "m.onnx")
    assert_exact(placed, tmp_path / "m.onnx")


@requires_exact_cpu
@pytest.mark.parametrize(("name", "bits"), [("mse", 3), ("aciq", 6), ("quantile", 7), ("aciq", 2)])
def test_uniform_widths(
    lowered: torch.fx.GraphModule, tmp_path: Path, name: str, bits: int
) -> None:
    """3 bits are stored in 4, 5 to 7 in 8; levels are those of their own width."""
    placed = quantized(lowered, name, bits, True)
    model = emit(placed.graph, tmp_path / "m.onnx", 25 if bits == 2 else 21)
    stored = {t.data_type: t for t in model.graph.initializer if len(t.dims) == 4}
    kinds = {2: TensorProto.INT2, 3: TensorProto.INT4, 6: TensorProto.INT8, 7: TensorProto.INT8}
    assert set(stored) == {kinds[bits]}
    integers = onnx.numpy_helper.to_array(stored[kinds[bits]]).astype(int)
    assert integers.min() >= -(1 << (bits - 1)) and integers.max() < 1 << (bits - 1)
    assert_exact(placed, tmp_path / "m.onnx")


@pytest.mark.slow
@requires_exact_cpu
@pytest.mark.parametrize("name", ["quantile", "em"])
def test_split_outliers(lowered: torch.fx.GraphModule, tmp_path: Path, name: str) -> None:
    placed = quantized(lowered, name, 4, True, split=0.1)
    model = emit(placed.graph, tmp_path / "m.onnx")
    assert [n.op_type for n in model.graph.node].count("Gather") == 3
    assert_exact(placed, tmp_path / "m.onnx")
    # diagnosis leaves out what the float model has in one piece
    float_model = emit(lowered, tmp_path / "f.onnx")
    assert weight_twins(model, float_model) == []


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_the_file_holds_packed_indices(tmp_path: Path, bits: int) -> None:
    """A large layer takes width / 8 bytes a weight, and a codebook of 2^bits bytes a channel."""
    torch.manual_seed(0)
    module = nn.Linear(512, 300).eval().requires_grad_(False)
    example = (torch.randn(2, 512),)
    graph = lower(capture(module, example), ORT_LOWERING, example, example).graph
    placed = place_alike(graph, find_target("ort-x86").grid, bits, True, "em")
    observer = observer_of("min-max", Quantiles(0, 1), 0.99)
    calibrate(placed, [example], Calibration(observer, Quantiles(0, 1)))
    model = export_onnx(rows_as_pixels(placed.graph), example, ["x"], "y", 21)
    path = tmp_path / "m.onnx"
    ir.save(model, path)
    width = {1: 1, 2: 2, 3: 4, 4: 4}[bits]
    weights = 512 * 300 * width / 8
    per_channel = 300 * (4 + 4 + 1 + (1 << bits))  # scale, bias, zero point, codebook
    assert weights < path.stat().st_size < weights + per_channel + 7000
    facts = read_facts(path)
    assert facts.weight_bits == width and facts.opset == 21 and not wants_ort(path)


class Image(nn.Module):
    """A last layer to one channel, which is packed: most of its phases' taps are zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(8, 16 * 64)
        self.image = nn.ConvTranspose2d(16, 1, 4, 2, 1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.image(torch.relu(self.up(z)).view(-1, 16, 8, 8))


@requires_exact_cpu
def test_taps_that_are_not_there_stay_zero(tmp_path: Path) -> None:
    """Two levels without a zero: the kernel is stored, and the padding of its phases is not."""
    torch.manual_seed(0)
    module = Image().eval().requires_grad_(False)
    made_for = variant_of(find_target("ort-x86"), [Weights(1, "em")])
    graph = lower(capture(module, EXAMPLE), made_for.lowering, EXAMPLE, EXAMPLE).graph
    placed = quantized(graph, "em", 1, True)
    shapes = {
        q.layer: placed.graph.get_parameter(q.parameter).shape
        for q in placed.quantizers.values()
        if q.kind == "weight" and q.parameter
    }
    assert shapes["image"] == (1, 16, 4, 4)
    model = emit(placed.graph, tmp_path / "m.onnx")
    assert "ConvTranspose" not in {node.op_type for node in model.graph.node}
    assert_exact(placed, tmp_path / "m.onnx")


def test_packing_by_hand() -> None:
    assert pack(np.array([1, 0, 1, 1, 0, 0, 0, 1, 1]), 1).tolist() == [[0b10001101], [1]]
    assert pack(np.array([3, 0, 2, 1]), 2).tolist() == [[0b01100011]]
    assert pack(np.array([[7], [15]]), 4).tolist() == [[0xF7]]


@pytest.mark.slow
def test_diagnosis_finds_the_indices(lowered: torch.fx.GraphModule, tmp_path: Path) -> None:
    model = emit(quantized(lowered, "em", 2, True).graph, tmp_path / "m.onnx")
    float_model = emit(lowered, tmp_path / "f.onnx")
    twins = weight_twins(model, float_model)
    assert len(twins) == 3
    known = {tensor.name: tensor for tensor in model.graph.initializer}
    for twin in twins:
        assert twin.lookup is not None and twin.stored.endswith("_packed")
        assert known[twin.lookup[1]].dims[-1] == 4
