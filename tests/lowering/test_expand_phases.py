"""Kernels that stay the weights of rewritten layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto
from torch import nn

from edgegan.emit.export import export_onnx
from edgegan.generators import dcgan, upsample
from edgegan.lowering.capture import capture
from edgegan.lowering.expand_phases import EXPAND_PHASES, expand_phases, keeps_kernel
from edgegan.lowering.lower import lower
from edgegan.quantization.calibrate import Calibration, calibrate
from edgegan.quantization.observers import Quantiles, observer_of
from edgegan.quantization.placement import Placed
from edgegan.quantization.weights import Weights
from edgegan.runtimes.base import first_output
from edgegan.runtimes.ort import OrtRuntime
from edgegan.simulation.exact import simulate
from edgegan.targets import Variant, WeightSite, find_target, variant_of
from tests.placing import place_alike


def variant(bits: int, site: WeightSite) -> Variant:
    return variant_of(find_target("ort-x86"), [Weights(bits)], site)


@pytest.fixture(scope="module")
def generator() -> nn.Module:
    torch.manual_seed(0)
    module = upsample.Generator(10, (32, 16, 16), 3).train()
    for _ in range(3):
        module(torch.randn(16, 10))
    return module.eval().requires_grad_(False)


def quantized(module: nn.Module, made_for: Variant, per_channel: bool = True) -> Placed:
    example, probe = (torch.randn(2, 10),), (torch.randn(3, 10),)
    lowered = lower(capture(module, example), made_for.lowering, example, probe)
    assert lowered.relative_error <= 1e-5
    placed = place_alike(lowered.graph, made_for.grid, made_for.weight_bits, per_channel)
    settings = Calibration(observer_of("moving-average", Quantiles(0, 1), 0.99), Quantiles(0, 1))
    calibrate(placed, [(torch.randn(16, 10),)], settings)
    return placed


def emit(placed: Placed, opset: int, path: Path) -> onnx.ModelProto:
    model = export_onnx(placed.graph, (torch.randn(2, 10),), ["z"], "image", opset)
    ir.save(model, path)
    onnx.checker.check_model(str(path), full_check=True)
    return onnx.load(path)


@settings(max_examples=60)
@given(
    outputs=st.integers(1, 4), inputs=st.integers(1, 3), k=st.integers(1, 4), f=st.integers(1, 3),
    window=st.integers(1, 3), seed=st.integers(0, 1000),
)  # fmt: skip
def test_expansion_by_its_definition(
    outputs: int, inputs: int, k: int, f: int, window: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    kernel = random.normal(size=(outputs, inputs, k, k))
    rows, columns = random.integers(0, 2, (2, f, window, k))
    expected = np.zeros((f, f, outputs, inputs, window, window))
    for p, q, a, b, t, u in np.ndindex(f, f, window, window, k, k):
        expected[p, q, :, :, a, b] += rows[p, a, t] * columns[q, b, u] * kernel[:, :, t, u]
    arguments = [torch.from_numpy(np.ascontiguousarray(x)) for x in (kernel, rows, columns)]
    actual = expand_phases(*arguments).numpy()
    np.testing.assert_allclose(actual, expected.reshape(-1, inputs, window, window), atol=1e-12)


def test_its_gradient() -> None:
    kernel = torch.randn(2, 3, 3, 3, dtype=torch.float64, requires_grad=True)
    rows, columns = torch.randint(0, 2, (2, 2, 2, 3))
    assert torch.autograd.gradcheck(lambda w: expand_phases(w, rows, columns), (kernel,))


def test_sums_must_fit_int8() -> None:
    """A 3x3 kernel behind a x2 upsampling sums up to 4 taps: 4·2^(b-1) <= 128 up to 6 bits."""
    axis = np.array([[[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]], np.float64)
    weight, selections = torch.zeros(1, 1, 3, 3), [(axis, axis)]
    assert [keeps_kernel(weight, selections, bits) for bits in (2, 4, 6, 7, 8)] == [
        True, True, True, False, False,
    ]  # fmt: skip
    assert not keeps_kernel(torch.zeros(1, 1, 4, 4), selections, 4)  # 16 phases' taps: no gain
    assert not keeps_kernel(weight, selections, None)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [4, 2])
@pytest.mark.parametrize("per_channel", [True, False])
def test_the_engine_runs_what_is_simulated(
    generator: nn.Module, tmp_path: Path, bits: int, per_channel: bool
) -> None:
    made_for = variant(bits, "kernel")
    placed = quantized(generator, made_for, per_channel)
    assert EXPAND_PHASES in {node.target for node in placed.graph.graph.nodes}
    model = emit(placed, made_for.opset, tmp_path / "kernel.onnx")
    assert {item.domain for item in model.opset_import} == {""}
    x = torch.randn(5, 10)
    expected = simulate(placed.graph, (x,)).output.numpy()
    runtime = OrtRuntime()
    actual = first_output(runtime.load(tmp_path / "kernel.onnx").run({"z": x.numpy()}))
    assert np.abs(actual - expected).max() <= 2e-7  # a float tanh
    execution = runtime.execution_map(tmp_path / "kernel.onnx")
    assert execution.mac_share == 1.0
    assert set(execution.kernels) <= {
        "QLinearConv", "QGemm", "QuantizeLinear", "DequantizeLinear", "Tanh", "Reshape",
        "Transpose", "Slice",
    }  # fmt: skip


@pytest.mark.slow
def test_stored_kernels_are_the_original_ones_and_smaller(
    generator: nn.Module, tmp_path: Path
) -> None:
    model = emit(quantized(generator, variant(4, "kernel")), 21, tmp_path / "kernel.onnx")
    emit(quantized(generator, variant(4, "phases")), 21, tmp_path / "phases.onnx")
    sizes = [(tmp_path / f"{n}.onnx").stat().st_size for n in ("kernel", "phases")]
    assert sizes[0] < sizes[1]
    stored = {tuple(t.dims) for t in model.graph.initializer if t.data_type == TensorProto.INT4}
    shapes = {tuple(p.shape) for n, p in generator.named_parameters() if p.ndim == 4}
    assert shapes <= stored


def test_transposed_convolutions_gain_nothing(tmp_path: Path) -> None:
    """Phases of a 4-tap stride-2 kernel are its taps, each once."""
    module = dcgan.Generator(10, (16, 8), 1).eval().requires_grad_(False)
    placed = quantized(module, variant(4, "kernel"))
    names = [path for path, q in placed.quantizers.items() if q.kind == "weight"]
    expanded = [n for n in placed.graph.graph.nodes if n.target is EXPAND_PHASES]
    assert len(expanded) <= 1  # the packed image layer, if any
    assert names
