"""The stages' work: each function takes what is known, computes, and writes files into a folder.

Graphs are never stored: they are rebuilt from the generator by deterministic passes (a second or
two), so no cached file can disagree with the code that reads it. What is stored is what was measured
or emitted.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import torch
from safetensors.numpy import load_file, save_file
from torch import fx

from edgegan.checks.parity import measure_parity
from edgegan.checks.quality import measure_quality
from edgegan.emit.export import export_onnx
from edgegan.generators.inputs import draw_inputs
from edgegan.generators.latents import RANGES
from edgegan.generators.load import load_module
from edgegan.lowering.capture import capture
from edgegan.lowering.graph import EXAMPLE_BATCH
from edgegan.lowering.lower import Lowered, lower
from edgegan.metrics.features import find_feature_network
from edgegan.quantization.calibrate import (
    Calibration,
    QuantizationParameters,
    apply_parameters,
    calibrate,
)
from edgegan.quantization.observers import Quantiles
from edgegan.quantization.placement import Placed, place
from edgegan.recipe import ResolvedRecipe
from edgegan.runtimes.find import runtime_for
from edgegan.targets import Target

Report = Callable[[int, int], None]
"""Called with (done, total)."""

_CALIBRATION_BATCH = 20
_PROBE_BATCH = 3


@dataclass(frozen=True)
class Workbench:
    """The graphs of one recipe and target, built when first needed.

    Attributes:
        resolved: the recipe.
        folder: where the generator's weights and local modules lie.
        target: one of its targets.
    """

    resolved: ResolvedRecipe
    folder: Path
    target: Target

    def inputs(self, count: int, seed: int) -> tuple[torch.Tensor, ...]:
        return tuple(torch.from_numpy(value) for value in self.feed(count, seed).values())

    @cached_property
    def captured(self) -> fx.GraphModule:
        spec = self.resolved.generator
        module = load_module(spec.source, spec.arguments, self.folder / spec.weights, self.folder)
        return capture(module, self.inputs(EXAMPLE_BATCH, 0))

    @cached_property
    def lowered(self) -> Lowered:
        example, probe = self.inputs(EXAMPLE_BATCH, 0), self.inputs(_PROBE_BATCH, 1)
        return lower(self.captured, self.target.lowering, example, probe)

    @cached_property
    def placed(self) -> Placed:
        """The lowered graph with quantizers; their parameters are set by ``calibrated``."""
        q = self.resolved.recipe.quantization
        graph = copy.deepcopy(self.lowered.graph)
        return place(graph, self.target.grid, q.weight_bits, q.per_channel, q.keep_float)

    def calibrated(self, parameters: Path) -> Placed:
        apply_parameters(self.placed, _read_parameters(parameters))
        return self.placed

    def input_names(self) -> list[str]:
        return [spec.name for spec in self.resolved.generator.inputs]

    def feed(self, count: int, seed: int) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
        """Seeded inputs by name; fewer than ``count`` where the user's files hold fewer."""
        return draw_inputs(self.resolved.generator.inputs, self.folder, count, seed)


def capture_float(bench: Workbench, folder: Path) -> None:
    """``float.onnx``: the generator as it is."""
    _write_model(bench, bench.captured, folder / "float.onnx")


def lower_float(bench: Workbench, folder: Path) -> None:
    """``lowered.onnx``: the rewritten float graph; ``lowering.json``: what was rewritten."""
    lowered = bench.lowered
    _write_json(
        folder / "lowering.json",
        {
            "relative_error": lowered.relative_error,
            "rewrites": [vars(rewrite) for rewrite in lowered.rewrites],
        },
    )
    _write_model(bench, lowered.graph, folder / "lowered.onnx")


def calibrate_ranges(bench: Workbench, folder: Path, report: Report) -> None:
    """``parameters.safetensors``: scale and zero point of every quantizer."""
    section = bench.resolved.recipe.calibration
    inputs = bench.inputs(section.samples, section.seed)
    batches = (
        tuple(value[start : start + _CALIBRATION_BATCH] for value in inputs)
        for start in range(0, len(inputs[0]), _CALIBRATION_BATCH)
    )
    settings = Calibration(
        activations=Quantiles(*section.activation_quantiles),
        weights=Quantiles(*section.weight_quantiles),
        momentum=section.momentum,
        clip_saturated=section.clip_saturated,
        input_ranges=tuple(
            None if i.data else RANGES[i.law] for i in bench.resolved.generator.inputs
        ),
    )
    parameters = calibrate(
        bench.placed, batches, settings, lambda done: report(done, len(inputs[0]))
    )
    tensors: dict[str, Any] = {}
    for name, value in parameters.items():
        # not ascontiguousarray: it gives scalars an axis
        tensors[f"{name}.scale"] = np.array(value.scale, order="C")
        tensors[f"{name}.zero_point"] = np.array(value.zero_point, order="C")
    save_file(tensors, folder / "parameters.safetensors")


def emit_quantized(bench: Workbench, folder: Path, calibrated: Path) -> None:
    """``model.onnx``: the QDQ model; ``execution.json``: how the target runs it."""
    placed = bench.calibrated(calibrated / "parameters.safetensors")
    _write_model(bench, placed.graph, folder / "model.onnx")
    execution = runtime_for(bench.target).execution_map(folder / "model.onnx")
    _write_json(
        folder / "execution.json", execution.as_json() | {"kept_float": list(placed.kept_float)}
    )


def check_parity(
    bench: Workbench, folder: Path, calibrated: Path, emitted: Path, captured: Path, report: Report
) -> None:
    """``parity.json``: engine against exact simulation and against the float model."""
    checks = bench.resolved.recipe.checks
    parity = measure_parity(
        emitted / "model.onnx",
        captured / "float.onnx",
        bench.calibrated(calibrated / "parameters.safetensors").graph,
        bench.feed(checks.parity_samples, checks.seed),
        bench.resolved.generator.output.value_range,
        runtime_for(bench.target),
        lambda done: report(done, checks.parity_samples),
    )
    _write_json(
        folder / "parity.json",
        {
            "samples": parity.samples,
            "seed": checks.seed,
            "max_lsb": parity.max_lsb,
            "tensors": parity.tensors,
            "first_difference": parity.first_difference,
            "tapped_as_shipped": parity.tapped_as_shipped,
            "psnr_db": parity.psnr_db,
        },
    )


def check_quality(
    bench: Workbench, folder: Path, emitted: Path, captured: Path, report: Report
) -> None:
    """``quality.json``: qFID and FID of the engine."""
    checks = bench.resolved.recipe.checks
    assert bench.resolved.features is not None
    quality = measure_quality(
        emitted / "model.onnx",
        captured / "float.onnx",
        bench.feed(checks.samples, checks.seed),
        find_feature_network(bench.resolved.features, bench.folder),
        runtime_for(bench.target),
        lambda done: report(done, checks.samples),
    )
    _write_json(folder / "quality.json", vars(quality) | {"seed": checks.seed})


def _write_model(bench: Workbench, graph: fx.GraphModule, path: Path) -> None:
    model = export_onnx(
        graph,
        bench.inputs(EXAMPLE_BATCH, 0),
        bench.input_names(),
        bench.resolved.generator.output.name,
        bench.target.opset,
    )
    ir.save(model, path)
    onnx.checker.check_model(str(path), full_check=True)


def _read_parameters(path: Path) -> dict[str, QuantizationParameters]:
    tensors = load_file(path)
    names = [key.removesuffix(".scale") for key in tensors if key.endswith(".scale")]
    return {
        name: QuantizationParameters(tensors[f"{name}.scale"], tensors[f"{name}.zero_point"])
        for name in names
    }


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, allow_nan=True) + "\n")
