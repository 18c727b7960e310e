"""Matrix products written as convolutions: the same integers as the plain form, everywhere."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgegan.diagnosis.diagnose import diagnose
from edgegan.emit.export import export_onnx
from edgegan.emit.rows import rows_as_pixels
from edgegan.lowering.capture import capture
from edgegan.lowering.lower import lower
from edgegan.quantization.calibrate import Calibration, calibrate
from edgegan.quantization.observers import Quantiles, observer_of
from edgegan.quantization.placement import Placed
from edgegan.runtimes.base import first_output
from edgegan.runtimes.ort import OrtRuntime
from edgegan.simulation.exact import simulate
from edgegan.targets import AFFINE_U8, ORT_LOWERING
from tests.machine import requires_exact_cpu
from tests.placing import place_alike

aten = torch.ops.aten


class Shared(nn.Module):
    """One weight read twice, and a layer that a float operator reads."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.a(x))
        return torch.tanh(self.b(self.a(y) + x))


class OnePixel(nn.Module):
    """A transposed convolution of one pixel, with an image behind."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.ConvTranspose2d(6, 8, 4), nn.Conv2d(8, 2, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.first(x[:, :, None, None]))
        return torch.tanh(self.last(y))


def placed(module: nn.Module, inputs: int) -> Placed:
    example = (torch.randn(2, inputs),)
    lowered = lower(capture(module.eval(), example), ORT_LOWERING, example, example)
    result = place_alike(lowered.graph, AFFINE_U8, 8, True)
    every = Quantiles(0, 1)
    settings = Calibration(observer_of("min-max", every, 0.99), every)
    calibrate(result, [(torch.randn(32, inputs),)], settings)
    return result


def emitted(result: Placed, inputs: int, path: Path, rows: bool) -> onnx.ModelProto:
    graph = rows_as_pixels(result.graph) if rows else result.graph
    ir.save(export_onnx(graph, (torch.randn(2, inputs),), ["x"], "image", 21), path)
    onnx.checker.check_model(str(path), full_check=True)
    return onnx.load(path)


def operators(model: onnx.ModelProto) -> set[str]:
    return {node.op_type for node in model.graph.node}


@pytest.mark.slow
@requires_exact_cpu
@pytest.mark.parametrize("module", [Shared(), OnePixel()], ids=["shared", "one pixel"])
def test_same_integers_as_matrix_products(module: nn.Module, tmp_path: Path) -> None:
    torch.manual_seed(0)
    result = placed(module, 6)
    plain = emitted(result, 6, tmp_path / "plain.onnx", rows=False)
    rows = emitted(result, 6, tmp_path / "rows.onnx", rows=True)
    names = [
        sorted(n for node in model.graph.node for n in node.output if n.endswith("_quantized"))
        for model in (plain, rows)
    ]
    assert names[0] == names[1]
    assert "Gemm" not in operators(rows)
    for batch in (1, 2, 7):
        x = torch.randn(batch, 6)
        simulated = simulate(result.graph, (x,))
        images = [
            first_output(OrtRuntime().load(tmp_path / f"{form}.onnx").run({"x": x.numpy()}))
            for form in ("plain", "rows")
        ]
        np.testing.assert_array_equal(*images)
        np.testing.assert_allclose(images[1], simulated.output.numpy(), atol=2e-7)


@requires_exact_cpu
def test_no_matrix_product_and_no_transpose_is_executed(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 4), nn.Tanh())
    emitted(placed(module, 6), 6, tmp_path / "rows.onnx", rows=True)
    kernels = OrtRuntime().execution_map(tmp_path / "rows.onnx").kernels
    assert kernels["QLinearConv"] == 2
    assert not {"QGemm", "Gemm", "Transpose", "FusedConv"} & set(kernels)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=4),
    relu=st.booleans(),
    batch=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_float_graphs_compute_the_same(sizes: list[int], relu: bool, batch: int, seed: int) -> None:
    torch.manual_seed(seed)
    parts: list[nn.Module] = []
    for k, o in pairwise(sizes):
        parts += [nn.Linear(k, o, bias=bool(seed % 2)), *([nn.ReLU()] if relu else [])]
    module = nn.Sequential(*parts).requires_grad_(False)
    graph = rows_as_pixels(capture(module, (torch.randn(2, sizes[0]),)))
    assert not [n for n in graph.graph.nodes if n.target is aten.linear.default]
    x = torch.randn(batch, sizes[0])
    torch.testing.assert_close(graph(x), module(x), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@requires_exact_cpu
def test_the_diagnosis_pairs_rows_with_rows(tmp_path: Path) -> None:
    """Reshaped and transposed tensors are compared element by element with their float twins."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 16), nn.Unflatten(1, (4, 2, 2))
    )
    module.extend([nn.ReLU(), nn.Conv2d(4, 2, 1), nn.Tanh()])
    result = placed(module, 6)
    emitted(result, 6, tmp_path / "rows.onnx", rows=True)
    example = (torch.randn(2, 6),)
    lowered = lower(capture(module.eval(), example), ORT_LOWERING, example, example)
    ir.save(
        export_onnx(rows_as_pixels(lowered.graph), example, ["x"], "image", 21),
        tmp_path / "lowered.onnx",
    )
    inputs = {"x": np.random.default_rng(0).normal(size=(9, 6)).astype(np.float32)}
    paths = tmp_path / "rows.onnx", tmp_path / "lowered.onnx"
    found = diagnose(*paths, inputs, (-1.0, 1.0), OrtRuntime())
    assert len(found.tensors) == 4
    assert min(tensor.sqnr_db for tensor in found.tensors) > 25
