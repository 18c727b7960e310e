"""Class-conditional and style-driven generators: engine and simulation, region by region."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx_ir as ir
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from edgegan.checks.parity import Parity, measure_parity
from edgegan.emit.export import export_onnx
from edgegan.emulation.cores import CORES
from edgegan.emulation.machine import EmulatedRuntime
from edgegan.lowering.capture import capture
from edgegan.lowering.lower import lower
from edgegan.quantization.calibrate import Calibration, calibrate
from edgegan.quantization.observers import Quantiles, observer_of
from edgegan.quantization.placement import Placed
from edgegan.runtimes.base import Runtime
from edgegan.runtimes.ort import OrtRuntime
from edgegan.simulation.processors import ORT_ARM64, ORT_X86, Arithmetic
from edgegan.targets import AFFINE_U8, ORT_LOWERING
from tests.conditional_models import Conditional, Shared, Styled, warmed
from tests.lowering.modulated import Modulated, Upsampling
from tests.machine import requires_exact_cpu
from tests.placing import place_alike


class Modulating(nn.Module):
    """StyleGAN2's in small: modulated convolutions, blur, noise, skip images."""

    def __init__(self) -> None:
        super().__init__()
        self.mapping = nn.Linear(6, 5)
        self.constant = nn.Parameter(torch.randn(1, 8, 4, 4))
        self.first = Modulated(8, 8, 3)
        self.second = Upsampling(8, 8)
        self.register_buffer("noise", torch.randn(1, 1, 8, 8) * 0.1)
        self.to_image = nn.ModuleList([Modulated(8, 3, 1, demodulate=False) for _ in range(2)])

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        w = F.leaky_relu(self.mapping(z), 0.2) * 2**0.5
        x = self.constant.repeat(z.shape[0], 1, 1, 1)
        x = F.leaky_relu(self.first(x, w), 0.2) * 2**0.5
        image = self.to_image[0](x, w)
        x = F.leaky_relu(self.second(x, w) + self.noise, 0.2) * 2**0.5
        return self.to_image[1](x, w) + F.interpolate(image, scale_factor=2)


@dataclass(frozen=True)
class Case:
    """A quantized generator with its file."""

    placed: Placed
    model: Path
    labelled: bool

    def parity(self, runtime: Runtime, arithmetic: Arithmetic, samples: int) -> Parity:
        torch.manual_seed(3)
        feed = {f"in{i}": v.numpy() for i, v in enumerate(inputs(self.labelled, samples))}
        return measure_parity(self.model, self.placed.graph, feed, runtime, arithmetic)


def inputs(labelled: bool, count: int) -> tuple[torch.Tensor, ...]:
    latent = torch.randn(count, 6)
    return (latent, torch.randint(0, 5, (count,))) if labelled else (latent,)


ISLANDS = {Conditional: 0, Shared: 0, Styled: 2, Modulating: 2}
"""Tensors behind float operators: pixel norm and instance norm; two demodulations."""


@pytest.fixture(scope="module", params=ISLANDS, ids=lambda kind: kind.__name__)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    torch.manual_seed(0)
    labelled = request.param in (Conditional, Shared)
    module = warmed(request.param(), *inputs(labelled, 8))
    example = inputs(labelled, 2)
    lowered = lower(capture(module, example), ORT_LOWERING, example, inputs(labelled, 3))
    placed = place_alike(lowered.graph, AFFINE_U8, 8, True)
    calibrate(
        placed,
        [inputs(labelled, 64)],
        Calibration(observer_of("moving-average", Quantiles(0, 1), 0.99), Quantiles(0, 1)),
    )
    path = tmp_path_factory.mktemp("conditional") / "m.onnx"
    names = [f"in{i}" for i in range(len(example))]
    ir.save(export_onnx(placed.graph, example, names, "image", 21), path)
    return Case(placed, path, labelled), ISLANDS[request.param]


@requires_exact_cpu
def test_here(case: tuple[Case, int]) -> None:
    generator, islands = case
    parity = generator.parity(OrtRuntime(), ORT_X86, 40)
    assert parity.tapped_as_shipped
    assert parity.integer_lsb == 0
    assert parity.max_lsb <= 1
    assert len(parity.islands) == islands
    assert islands or parity.end_to_end_lsb == 0
    assert OrtRuntime().execution_map(generator.model).mac_share == 1.0


@pytest.mark.slow
def test_on_an_emulated_core(case: tuple[Case, int], machine: Path) -> None:
    parity = case[0].parity(EmulatedRuntime(CORES["cortex-a76"]), ORT_ARM64, 4)
    assert parity.tapped_as_shipped
    assert parity.integer_lsb == 0
    assert parity.max_lsb <= 1
