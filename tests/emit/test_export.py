"""The emitted ONNX model: what stands in it, and that it computes what the graph does."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from onnx import TensorProto
from torch import nn

from edgegan.emit.export import export_onnx
from edgegan.generators.dcgan import Generator
from edgegan.lowering.capture import capture
from edgegan.lowering.lower import lower
from edgegan.quantization.calibrate import Calibration, calibrate
from edgegan.quantization.observers import Quantiles, observer_of
from edgegan.quantization.placement import Placed
from edgegan.quantization.weights import Weights
from edgegan.runtimes.base import first_output
from edgegan.runtimes.ort import OrtRuntime
from edgegan.simulation.exact import simulate
from edgegan.targets import AFFINE_U8, ORT_LOWERING, find_target, variant_of
from tests.machine import requires_exact_cpu
from tests.placing import place_alike

MIN_MAX = Calibration(observer_of("moving-average", Quantiles(0, 1), 0.99), Quantiles(0, 1))


def quantized(module: nn.Module, shape: tuple[int, ...], bits: int, per_channel: bool) -> Placed:
    example = (torch.randn(2, *shape),)
    lowered = lower(capture(module.eval(), example), ORT_LOWERING, example, example)
    placed = place_alike(lowered.graph, AFFINE_U8, bits, per_channel)
    calibrate(placed, [(torch.randn(16, *shape),)], MIN_MAX)
    return placed


def emit(placed: Placed, shape: tuple[int, ...], path: Path) -> onnx.ModelProto:
    narrowest = min(quantizer.grid.bits for quantizer in placed.quantizers.values())
    opset = 25 if narrowest == 2 else 21
    model = export_onnx(placed.graph, (torch.randn(2, *shape),), ["latent"], "image", opset)
    ir.save(model, path)
    onnx.checker.check_model(str(path), full_check=True)
    return onnx.load(path)


@pytest.fixture(scope="module")
def dcgan() -> nn.Module:
    torch.manual_seed(0)
    module = Generator(8, (16, 8), 1).train()
    for _ in range(3):
        module(torch.randn(16, 8))
    return module.eval().requires_grad_(False)


Quantized = Callable[..., tuple[Placed, Path]]


@pytest.fixture(scope="module")
def made(dcgan: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Quantized:
    """The DCGAN's graph and its file, made once for each number of bits."""
    folder = tmp_path_factory.mktemp("dcgan")

    @cache
    def make(bits: int, per_channel: bool = True) -> tuple[Placed, Path]:
        placed = quantized(dcgan, (8,), bits, per_channel)
        emit(placed, (8,), folder / f"{bits}-{per_channel}.onnx")
        return placed, folder / f"{bits}-{per_channel}.onnx"

    return make


@requires_exact_cpu
@pytest.mark.parametrize("bits", [8, 4, 2])
@pytest.mark.parametrize("per_channel", [True, False])
def test_engine_equals_simulation(made: Quantized, bits: int, per_channel: bool) -> None:
    placed, path = made(bits, per_channel)
    x = torch.randn(9, 8)
    simulated = simulate(placed.graph, (x,))
    expected, integers = simulated.output, simulated.integers
    actual = first_output(OrtRuntime().load(path).run({"latent": x.numpy()}))
    # tanh is float: its two implementations differ in the last bit
    assert np.abs(actual - expected.numpy()).max() <= 2e-7
    assert len(integers) == 4


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_weights_are_stored_in_their_own_type(made: Quantized, bits: int) -> None:
    model = onnx.load(made(bits)[1])
    stored = {tensor.data_type for tensor in model.graph.initializer if len(tensor.dims) > 1}
    kinds = {8: TensorProto.INT8, 4: TensorProto.INT4, 2: TensorProto.INT2}
    assert stored == {kinds[bits]}
    casts = [node for node in model.graph.node if node.op_type == "Cast"]
    assert len(casts) == (0 if bits == 8 else 3)
    operators = [node.op_type for node in model.graph.node]
    assert "ConvTranspose" not in operators
    assert "Pad" not in operators


def test_a_layer_with_very_many_outputs(tmp_path: Path) -> None:
    """The exporter leaves the cast of so long a vector of zero points standing."""
    torch.manual_seed(0)
    model = emit(quantized(nn.Linear(4, 9000), (4,), 8, True), (4,), tmp_path / "m.onnx")
    stored = [t for t in model.graph.initializer if sorted(t.dims)[-2:] == [4, 9000]]
    assert [tensor.data_type for tensor in stored] == [TensorProto.INT8]
    assert "Cast" not in {node.op_type for node in model.graph.node}


def test_names_and_nothing_of_this_machine(made: Quantized) -> None:
    path = made(8)[1]
    model = onnx.load(path)
    names = {node.name for node in model.graph.node}
    assert {"main.0/Conv", "main.3/Conv", "main.6/Conv", "main.7/Tanh"} <= names
    assert len(names) == len(model.graph.node)
    produced = {name for node in model.graph.node for name in node.output}
    assert {"latent_quantized", "main_2_quantized", "main_5_quantized"} <= produced
    assert [i.name for i in model.graph.input] == ["latent"]
    assert [o.name for o in model.graph.output] == ["image"]
    text = path.read_bytes()
    assert str(Path.home()).encode() not in text
    assert b".py" not in text


def test_batch_is_dynamic(made: Quantized) -> None:
    path = made(8)[1]
    assert onnx.load(path).graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    engine = OrtRuntime().load(path)
    x = np.random.default_rng(0).normal(size=(7, 8)).astype(np.float32)
    together = first_output(engine.run({"latent": x}))
    alone = np.concatenate([first_output(engine.run({"latent": row[None]})) for row in x])
    np.testing.assert_array_equal(together, alone)


class Mixed(nn.Module):
    """Operators outside the integer set between integer layers: float islands, a skip, a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 20, 3, 1, 1)
        self.norm = nn.InstanceNorm2d(20)
        self.b = nn.Conv2d(20, 20, 3, 1, 1)
        self.c = nn.Conv2d(40, 20, 3, 1, 1, bias=False)
        self.act = nn.LeakyReLU(0.2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.act(self.a(x))
        b = torch.relu(self.b(self.norm(a)))
        return torch.tanh(self.c(torch.cat([a, b], 1)) + a)


def test_float_islands_skips_and_sums(tmp_path: Path) -> None:
    """Instance norm is float in both worlds, so a step of difference may pass through it, no more."""
    torch.manual_seed(0)
    module = Mixed().eval().requires_grad_(False)
    placed = quantized(module, (3, 12, 9), 8, True)
    emit(placed, (3, 12, 9), tmp_path / "m.onnx")
    x = torch.randn(4, 3, 12, 9)
    expected = simulate(placed.graph, (x,)).output
    runtime = OrtRuntime()
    actual = first_output(runtime.load(tmp_path / "m.onnx").run({"latent": x.numpy()}))
    assert np.abs(actual - expected.numpy()).mean() < 1e-3
    reference = module(x).numpy()
    assert np.abs(actual - reference).mean() < 0.05
    execution = runtime.execution_map(tmp_path / "m.onnx")
    assert execution.mac_share == 1.0
    assert execution.kernels["QLinearAdd"] == 1
    assert execution.kernels["InstanceNormalization"] == 1


def test_float_export_is_the_module(dcgan: nn.Module, tmp_path: Path) -> None:
    example = (torch.randn(2, 8),)
    model = export_onnx(capture(dcgan, example), example, ["latent"], "image", 21)
    ir.save(model, tmp_path / "f.onnx")
    x = torch.randn(3, 8)
    actual = first_output(OrtRuntime().load(tmp_path / "f.onnx").run({"latent": x.numpy()}))
    assert np.abs(actual - dcgan(x).numpy()).max() < 1e-6


@pytest.mark.parametrize("bits", [8, 4])
def test_weights_alone(dcgan: nn.Module, tmp_path: Path, bits: int) -> None:
    """Float activations: the file holds narrow weights and computes with their dequantized values."""
    example = (torch.randn(2, 8),)
    made_for = variant_of(find_target("tensorrt-rtx"), [Weights(bits)], activations=False)
    lowered = lower(capture(dcgan, example), made_for.lowering, example, example)
    placed = place_alike(lowered.graph, made_for.grid, bits, True)
    assert {quantizer.kind for quantizer in placed.quantizers.values()} == {"weight"}
    calibrate(placed, [(torch.randn(16, 8),)], MIN_MAX)
    model = emit(placed, (8,), tmp_path / "m.onnx")
    operators = {node.op_type for node in model.graph.node}
    assert "DequantizeLinear" in operators and not {"QuantizeLinear", "Cast"} & operators
    stored = {tensor.data_type for tensor in model.graph.initializer if len(tensor.dims) > 1}
    assert (TensorProto.INT8 if bits == 8 else TensorProto.INT4) in stored
    x = torch.randn(5, 8)
    actual = first_output(OrtRuntime().load(tmp_path / "m.onnx").run({"latent": x.numpy()}))
    with torch.no_grad():
        expected = placed.graph(x).numpy()
    assert np.abs(actual - expected).max() <= 1e-6
    assert np.abs(expected - dcgan(x).numpy()).max() > 1e-5  # the weights did change


def test_nothing_unused_is_shipped(made: Quantized) -> None:
    """Runtimes warn about initializers that no node reads."""
    model = onnx.load(made(4)[1])
    read = {name for node in model.graph.node for name in node.input}
    assert {tensor.name for tensor in model.graph.initializer} <= read
