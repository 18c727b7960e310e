"""Small modules taken all the way: lowered, quantized, emitted."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx_ir as ir
import torch
from torch import fx, nn

from edgegan.checks.parity import Parity, measure_parity
from edgegan.emit.export import export_onnx
from edgegan.emit.order import in_memory_order
from edgegan.lowering.capture import capture
from edgegan.lowering.lower import Lowered, lower
from edgegan.quantization.calibrate import Calibration, calibrate
from edgegan.quantization.observers import Quantiles, observer_of
from edgegan.quantization.placement import Placed
from edgegan.runtimes.base import Runtime
from edgegan.simulation.processors import ORT_X86, Arithmetic
from edgegan.targets import AFFINE_U8, ORT_LOWERING, Grid, LoweringProfile
from tests.placing import place_alike


@dataclass(frozen=True)
class Emitted:
    """A module's graphs and its QDQ model, calibrated on normal noise.

    Attributes:
        captured: the module's own graph.
        onnx: the quantized model.
        shape: of one sample of its one input, ``x``.
    """

    lowered: Lowered
    placed: Placed
    captured: fx.GraphModule
    onnx: bytes
    shape: tuple[int, ...]

    @cached_property
    def original(self) -> bytes:
        """The module's own ONNX model."""
        return _onnx(self.captured, self.shape)

    def inputs(self, count: int = 8) -> dict[str, np.ndarray]:
        values = np.random.default_rng(7).normal(size=(count, *self.shape))
        return {"x": values.astype(np.float32)}

    def parity(self, runtime: Runtime, arithmetic: Arithmetic = ORT_X86, count: int = 8) -> Parity:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            path.write_bytes(self.onnx)
            return measure_parity(path, self.placed.graph, self.inputs(count), runtime, arithmetic)


def emitted(
    module: nn.Module,
    shape: tuple[int, ...],
    profile: LoweringProfile = ORT_LOWERING,
    grid: Grid = AFFINE_U8,
    seed: int = 0,
) -> Emitted:
    torch.manual_seed(seed)
    example = (torch.randn(2, *shape),)
    captured = capture(module.eval().requires_grad_(False), example)
    lowered = lower(captured, profile, example, (torch.randn(3, *shape),))
    placed = place_alike(lowered.graph, grid, 8, True)
    settings = Calibration(observer_of("moving-average", Quantiles(0, 1), 0.99), Quantiles(0, 1))
    calibrate(placed, [(torch.randn(16, *shape),)], settings)
    to_emit = in_memory_order(placed.graph, profile)
    return Emitted(lowered, placed, captured, _onnx(to_emit, shape), shape)


def _onnx(graph: fx.GraphModule, shape: tuple[int, ...]) -> bytes:
    model = export_onnx(graph, (torch.randn(2, *shape),), ["x"], "image", 21)
    return bytes(ir.to_proto(model).SerializeToString())
