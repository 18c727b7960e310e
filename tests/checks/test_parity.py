"""Parity, region by region, against engines that are wrong in known places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from edgegan.checks.parity import measure_parity
from edgegan.emit.export import export_onnx
from edgegan.lowering.capture import capture
from edgegan.lowering.lower import lower
from edgegan.quantization.calibrate import Calibration, calibrate
from edgegan.quantization.observers import Quantiles, observer_of
from edgegan.quantization.placement import Placed
from edgegan.runtimes.base import Tensors
from edgegan.runtimes.ort import OrtRuntime
from edgegan.targets import AFFINE_U8, ORT_LOWERING
from tests.machine import requires_exact_cpu
from tests.placing import place_alike


class Islands(nn.Module):
    """Integer region, instance norm, integer region."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 16, 3, 1, 1)
        self.norm = nn.InstanceNorm2d(16)
        self.b = nn.Conv2d(16, 16, 3, 1, 1)
        self.c = nn.Conv2d(16, 20, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.c(torch.relu(self.b(torch.relu(self.norm(self.a(x)))))))


class Shifted:
    """ONNX Runtime, but one tensor is told one step too high."""

    name = "shifted"

    def __init__(self, tensor: str) -> None:
        self.inner = OrtRuntime()
        self.tensor = tensor

    def load(self, model: Path | bytes, threads: int = 1) -> Any:
        engine, tensor = self.inner.load(model, threads), self.tensor

        class Engine:
            def run(self, inputs: Tensors, outputs: Any = None) -> dict[str, NDArray[Any]]:
                results = engine.run(inputs, outputs)
                if tensor in results:
                    results[tensor] = np.where(results[tensor] < 255, results[tensor] + 1, 254)
                return results

        return Engine()

    def execution_map(self, model: Path | bytes) -> Any:
        return self.inner.execution_map(model)

    def versions(self) -> dict[str, str]:
        return self.inner.versions()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Placed, Path]:
    torch.manual_seed(0)
    module = Islands().eval().requires_grad_(False)
    example = (torch.randn(2, 3, 8, 8),)
    lowered = lower(capture(module, example), ORT_LOWERING, example, example)
    placed = place_alike(lowered.graph, AFFINE_U8, 8, True)
    settings = Calibration(observer_of("moving-average", Quantiles(0, 1), 0.99), Quantiles(0, 1))
    calibrate(placed, [(torch.randn(16, 3, 8, 8),)], settings)
    path = tmp_path_factory.mktemp("parity") / "m.onnx"
    ir.save(export_onnx(placed.graph, example, ["x"], "image", 21), path)
    return placed, path


def measure(model: tuple[Placed, Path], runtime: Any) -> Any:
    inputs = np.random.default_rng(0).normal(size=(40, 3, 8, 8)).astype(np.float32)
    return measure_parity(model[1], model[0].graph, {"x": inputs}, runtime)


@requires_exact_cpu
def test_integer_regions_are_exact_and_the_island_is_named(model: tuple[Placed, Path]) -> None:
    parity = measure(model, OrtRuntime())
    assert parity.islands == ("relu_quantized",)
    assert set(parity.tensors) == {
        "x_quantized", "a_quantized", "relu_quantized", "relu_1_quantized", "c_quantized",
    }  # fmt: skip
    assert parity.integer_lsb == 0
    assert parity.tensors["relu_quantized"] <= 1
    assert parity.max_lsb == parity.tensors["relu_quantized"]
    assert parity.tapped_as_shipped


@requires_exact_cpu
def test_an_error_in_an_integer_region_is_found_there(model: tuple[Placed, Path]) -> None:
    parity = measure(model, Shifted("relu_1_quantized"))
    assert parity.integer_lsb == 1
    assert parity.tensors["a_quantized"] == 0


@requires_exact_cpu
def test_behind_an_island_the_engine_is_believed(model: tuple[Placed, Path]) -> None:
    """A lie there shows behind it: what the engine computed does not follow from what it told."""
    parity = measure(model, Shifted("relu_quantized"))
    assert parity.tensors["relu_quantized"] in (1, 2)  # one step, and perhaps a rounding
    assert parity.tensors["relu_1_quantized"] >= 1
    assert parity.first_difference == "relu_quantized"
