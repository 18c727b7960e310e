"""Vectors over pictures, written as rows of pixels: the same numbers as the plain form, everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import fx, nn

from edgegan.emit.export import export_onnx
from edgegan.emit.order import in_memory_order
from edgegan.emit.rows import rows_as_pixels
from edgegan.emit.vectors import PIXELS, vectors_along_rows
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


class Steered(nn.Module):
    """A class's row of a table, and a style's linear layer, over pictures of ``side`` x ``side``."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.first, self.second = nn.Conv2d(2, channels, 1), nn.Conv2d(channels, 2, 3, padding=1)
        self.gain, self.shift = nn.Embedding(5, channels), nn.Embedding(5, channels)
        self.style = nn.Linear(2 * side * side, channels)

    def forward(self, x: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        y = self.first(x) * self.gain(label)[:, :, None, None]
        y = torch.relu(y + self.shift(label)[:, :, None, None])
        style = torch.relu(self.style(x.flatten(1)))
        return torch.tanh(self.second(y * style[:, :, None, None]))


def inputs(side: int, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(batch, 2, side, side), torch.arange(batch) % 5


def placed(channels: int, side: int) -> Placed:
    example = inputs(side, 2)
    module = Steered(channels, side).eval().requires_grad_(False)
    lowered = lower(capture(module, example), ORT_LOWERING, example, inputs(side, 3))
    result = place_alike(lowered.graph, AFFINE_U8, 8, True)
    every = Quantiles(0, 1)
    calibrate(result, [inputs(side, 32)], Calibration(observer_of("min-max", every, 0.99), every))
    return result


def write(graph: fx.GraphModule, side: int, path: Path) -> onnx.ModelProto:
    ir.save(export_onnx(graph, inputs(side, 2), ["x", "label"], "image", 21), path)
    onnx.checker.check_model(str(path), full_check=True)
    return onnx.load(path)


def feed(x: torch.Tensor, label: torch.Tensor) -> dict[str, np.ndarray]:
    return {"x": x.numpy(), "label": label.numpy()}


@requires_exact_cpu
@pytest.mark.parametrize(
    ("channels", "side"),
    [(9, 16), *(pytest.param(*size, marks=pytest.mark.slow) for size in ((9, 4), (32, 12)))],
)
def test_same_integers_as_plain_vectors(channels: int, side: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    result = placed(channels, side)
    write(result.graph, side, tmp_path / "plain.onnx")
    write(in_memory_order(result.graph, ORT_LOWERING), side, tmp_path / "rows.onnx")
    for batch in (1, 2, 7):
        x, label = inputs(side, batch)
        plain, rows = (
            first_output(OrtRuntime().load(tmp_path / f"{form}.onnx").run(feed(x, label)))
            for form in ("plain", "rows")
        )
        np.testing.assert_array_equal(rows, plain)
        simulated = simulate(result.graph, (x, label)).output
        np.testing.assert_allclose(rows, simulated.numpy(), atol=2e-7)


@requires_exact_cpu
def test_the_runtime_reads_tables_as_they_lie(tmp_path: Path) -> None:
    torch.manual_seed(0)
    result = placed(9, 16)
    model = write(in_memory_order(result.graph, ORT_LOWERING), 16, tmp_path / "model.onnx")
    shapes = [list(value.dims) for value in model.graph.initializer]
    tables = [shape for shape in shapes if shape[:1] == [5] and len(shape) > 1]
    assert tables == [[5, 1, 1, 9]] * 2
    kernels = OrtRuntime().execution_map(tmp_path / "model.onnx").kernels
    assert (kernels["Gather"], kernels["Expand"], kernels["QLinearMul"]) == (2, 3, 2)
    write(rows_as_pixels(result.graph), 16, tmp_path / "plain.onnx")
    plain = OrtRuntime().execution_map(tmp_path / "plain.onnx").kernels
    assert plain["Transpose"] - kernels["Transpose"] == 3
    # two tables are no longer reshaped; the labels are, once
    assert plain["Reshape"] - kernels["Reshape"] == 1


@settings(max_examples=15, deadline=None)
@given(
    channels=st.integers(1, 5),
    side=st.integers(2, 16),
    batch=st.integers(1, 4),
    static=st.booleans(),
)
def test_float_graphs_compute_the_same(channels: int, side: int, batch: int, static: bool) -> None:
    module = Steered(channels, side).eval().requires_grad_(False)
    graph = vectors_along_rows(capture(module, inputs(side, 2)), static)
    repeated = [n for n in graph.graph.nodes if n.target is aten.expand.default]
    assert len(repeated) == (3 if static and side * side >= PIXELS else 0)
    example = inputs(side, batch)
    assert torch.equal(graph(*example), module(*example))


def test_only_vectors_over_pictures_are_rewritten() -> None:
    class Others(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(5, 3)
            self.constant = nn.Parameter(torch.randn(1, 3, 1, 1))

        def forward(self, x: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
            row = self.table(label)[:, :, None, None]
            return (x * self.constant + x.mean(1, keepdim=True)) * (row * row + 1).mean(
                (1, 2, 3), True
            )

    example = torch.randn(2, 3, 16, 16), torch.arange(2)
    graph = capture(Others().eval().requires_grad_(False), example)
    same = vectors_along_rows(graph)
    assert [n.target for n in same.graph.nodes] == [n.target for n in graph.graph.nodes]
