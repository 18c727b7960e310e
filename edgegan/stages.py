"""The stages' work: each function takes what is known, computes, and writes files into a folder.

What is stored is what was measured or emitted; graphs come from the workbench.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir
import torch
from safetensors.numpy import save_file
from torch import fx, nn

from edgegan.bundle import GOLDEN_SEED, save_golden
from edgegan.cache import StageCache, file_digest
from edgegan.checks.parity import measure_parity, worst_of
from edgegan.compression.compress import Compression
from edgegan.compression.structure import save
from edgegan.emit.export import export_onnx
from edgegan.emit.order import in_memory_order
from edgegan.evaluation.engines import Compared, measure_engines
from edgegan.evaluation.folders import real_pictures
from edgegan.evaluation.networks import Network, find_network
from edgegan.evaluation.pictures import Pictures
from edgegan.latency.environment import environment
from edgegan.lowering.graph import EXAMPLE_BATCH
from edgegan.metrics.feature_cache import array_digest
from edgegan.progress import Report
from edgegan.quantization.calibrate import (
    apply_weights,
    calibrate,
    limit_biases,
)
from edgegan.quantization.observers import Quantiles
from edgegan.quantization.parameter_files import PARAMETERS, WEIGHTS, save_parameters
from edgegan.results import COMPRESSED_MODEL
from edgegan.runtimes.base import Engine, Runtime, first_output
from edgegan.runtimes.find import executor_of
from edgegan.runtimes.ort import OrtRuntime
from edgegan.simulation.engine import SimulatedEngine
from edgegan.simulation.exact import simulate
from edgegan.simulation.processors import BY_DEFINITION, arithmetic_of
from edgegan.targets import Target
from edgegan.training.processes import here
from edgegan.tuning.history import read_history
from edgegan.tuning.networks import load_discriminator, load_stages
from edgegan.tuning.sections import TuneSection
from edgegan.tuning.tune import LOG, Lesson, tune
from edgegan.workbench import Folders, Workbench

GOLDEN_SAMPLES = 16

_TITLES = {"ort": "ONNX Runtime", "openvino": "OpenVINO"}

_CALIBRATION_BATCH = 20


def capture_float(bench: Workbench, folder: Path) -> None:
    """``float.onnx``: the generator as it is."""
    _write_model(bench, bench.original, folder / "float.onnx")


def compress_generator(bench: Workbench, folder: Path, work: Path, report: Report) -> None:
    """A smaller generator.

    ``compressed.json``: which channels stayed, and how it learned; ``weights.safetensors``;
    ``compressed.onnx``.
    """
    section = bench.resolved.recipe.compress
    assert section is not None
    result = Compression(bench.resolved, bench.folder, bench.inputs, work, report).run()
    about = {
        "settings": section.model_dump(mode="json", exclude_none=True),
        "parameters": dict(zip(("original", "compressed"), result.parameters, strict=True)),
        "masked_error": result.masked_error,
        "trained_on": _trained_on(),
        "history": result.history,
    }
    save(folder, result.graph, result.kept, about)
    _write_model(bench, replace(bench, compressed=folder).captured, folder / COMPRESSED_MODEL)


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
    emitted = in_memory_order(lowered.graph, bench.variant.lowering)
    _write_model(bench, emitted, folder / "lowered.onnx")


def calibrate_ranges(bench: Workbench, folder: Path, report: Report) -> None:
    """``parameters.safetensors``: scale and zero point, or scale and codebook, of every quantizer."""
    section = bench.resolved.recipe.calibration
    inputs = bench.inputs(section.samples, section.seed)
    batches = (
        tuple(value[start : start + _CALIBRATION_BATCH] for value in inputs)
        for start in range(0, len(inputs[0]), _CALIBRATION_BATCH)
    )
    parameters = calibrate(
        bench.placed, batches, bench.calibration(), lambda done: report(done, len(inputs[0]))
    )
    save_parameters(parameters, folder / PARAMETERS)


def tune_model(
    bench: Workbench, folder: Path, folders: Folders, work: Path, report: Report
) -> None:
    """What tuning gives.

    ``parameters.safetensors`` as tuned, ``weights.safetensors``: what else has changed; ``tuned.json``: how
    it went.
    """
    section = bench.resolved.recipe.tune
    assert section is not None
    lesson = _lesson(bench, section, folders, work, report)
    tuned = tune(lesson)
    placed = lesson.placed
    apply_weights(placed, tuned.weights)
    save_parameters(tuned.parameters | limit_biases(placed, tuned.parameters), folder / PARAMETERS)
    save_file(tuned.weights, folder / WEIGHTS)
    if lesson.log.exists():
        shutil.copy(lesson.log, folder / LOG)
    settings = section.model_dump(mode="json", exclude_none=True)
    history = read_history(lesson.log)
    about = {"settings": settings, "trained_on": _trained_on(), "history": history}
    _write_json(folder / "tuned.json", about)


def help_tuning(bench: Workbench, folders: Folders, work: Path) -> None:
    """Do a further process's share of ``tune_model``."""
    section = bench.resolved.recipe.tune
    assert section is not None
    tune(_lesson(bench, section, folders, work, lambda *_: None))


def _lesson(
    bench: Workbench, section: TuneSection, folders: Folders, work: Path, report: Report
) -> Lesson:
    resolved, processes = bench.resolved, here()
    ranges, inputs = resolved.recipe.calibration, resolved.generator.free_inputs
    return Lesson(
        placed=bench.quantized(folders),
        teacher=bench.lowered.graph,
        affine=not bench.variant.grid.signed,
        section=section,
        calibration=bench.calibration(),
        quantiles=Quantiles(*ranges.activation_quantiles),
        momentum=ranges.momentum,
        inputs=bench.inputs,
        labels=tuple(place for place, item in enumerate(inputs) if item.classes is not None),
        stages=lambda: load_stages(section, resolved.features, bench.folder, processes.device),
        discriminator=lambda: _discriminator(bench, section),
        real=lambda: _real_images(bench, section),
        features=_watching(bench),
        value_range=resolved.generator.output.value_range,
        work=work,
        report=report,
        processes=processes,
    )


def _discriminator(bench: Workbench, section: TuneSection) -> nn.Module:
    assert section.distillation is not None
    return load_discriminator(bench.resolved.discriminator, bench.folder, section.distillation)


def _real_images(bench: Workbench, section: TuneSection) -> Pictures:
    folder, wanted = bench.resolved.tuning_data, bench.resolved.generator.output.value_range
    assert section.distillation is not None and folder is not None
    return real_pictures(folder, "train", section.distillation.images, section.seed).within(wanted)


def _watching(bench: Workbench) -> Callable[[], Network] | None:
    features = bench.resolved.features
    return None if features is None else lambda: find_network(features, bench.folder)


def emit_quantized(bench: Workbench, folder: Path, folders: Folders) -> None:
    """``model.onnx``: the QDQ model; ``emitted.json``: what computes in float between its integers."""
    placed = bench.quantized(folders)
    emitted = in_memory_order(placed.graph, bench.variant.lowering)
    _write_model(bench, emitted, folder / "model.onnx")
    islands = simulate(placed.graph, bench.inputs(EXAMPLE_BATCH, 0)).islands
    document = {"kept_float": list(placed.kept_float), "islands": sorted(islands)}
    _write_json(folder / "emitted.json", document)


def make_golden(bench: Workbench, folder: Path, folders: Folders) -> None:
    """``inputs.npz``, ``outputs.npz``: a few inputs, the engine's images and the float model's."""
    inputs = bench.feed(GOLDEN_SAMPLES, GOLDEN_SEED)
    image = first_output(_engine(bench, folders).run(inputs))
    original = first_output(_float_engine(folders).run(inputs))
    name = bench.resolved.generator.output.name
    save_golden(folder / "inputs.npz", inputs)
    save_golden(folder / "outputs.npz", {name: image, f"{name}_float": original})


def check_parity(
    bench: Workbench,
    folder: Path,
    folders: Folders,
    target: Target,
    runtime: Runtime,
    samples: int,
    report: Report,
) -> None:
    """``parity.json``: an engine against the exact simulation."""
    seed = bench.resolved.recipe.checks.seed
    graph = bench.quantized(folders).graph
    parity = worst_of(
        measure_parity(
            folders["emitted"] / "model.onnx",
            graph,
            feed,
            runtime,
            arithmetic_of(target),
            lambda done: report(done, samples),
        )
        for feed in (bench.feed(samples, seed), *bench.other_sizes(samples, seed))
    )
    _write_json(
        folder / "parity.json",
        {
            "samples": parity.samples,
            "seed": seed,
            "max_lsb": parity.max_lsb,
            "integer_lsb": parity.integer_lsb,
            "end_to_end_lsb": parity.end_to_end_lsb,
            "tensors": parity.tensors,
            "islands": list(parity.islands),
            "first_difference": parity.first_difference,
            "tapped_as_shipped": parity.tapped_as_shipped,
        },
    )


def check_quality(
    bench: Workbench, folder: Path, folders: Folders, cache: StageCache, report: Report
) -> None:
    """``quality.json``: the metrics that the recipe asks for, of the engine beside the float model.

    And what is always measured, of the compressed float model, where the generator was compressed.
    """
    resolved, checks = bench.resolved, bench.resolved.recipe.checks
    samples = checks.parity_samples if resolved.features is None else checks.samples
    feed = bench.feed(samples, checks.seed)
    drawn = [array_digest(value) for value in feed.values()]
    real = None
    if resolved.real is not None:
        real = real_pictures(resolved.real, "train", samples, checks.seed)
    network = None if resolved.features is None else find_network(resolved.features, bench.folder)

    def key(title: str, model: Path) -> list[Any]:
        return [title, file_digest(model), drawn, environment().key()]

    def scores(
        engine: Engine,
        title: str,
        model: Path,
        metrics: Collection[str] = (),
        gated: Collection[str] = (),
    ) -> list[Any]:
        compared = Compared(
            engine,
            _float_engine(folders),
            (key(title, model), key("float", folders["captured"] / "float.onnx")),
            feed,
            resolved.generator.output.value_range,
            title,
        )
        found = measure_engines(
            compared,
            network,
            cache,
            metrics,
            gated,
            real=real,
            seed=checks.seed,
            listen=lambda event: report(event.done, event.total) if event.total else None,
        )
        return [score.as_data() for score in found]

    quantized = folders["emitted"] / "model.onnx"
    document = {
        "scores": scores(
            _engine(bench, folders), _executed_by(bench), quantized, checks.metrics, checks.gated
        )
    }
    if "compressed" in folders:
        smaller = folders["compressed"] / COMPRESSED_MODEL
        document["compressed"] = scores(OrtRuntime().load(smaller), "compressed", smaller)
    _write_json(folder / "quality.json", document)


def _engine(bench: Workbench, folders: Folders) -> Engine:
    """What computes the variant's images on this machine.

    Where no runtime here has integer kernels for the grid, the exact simulation stands for the engine.
    """
    runtime = executor_of(bench.variant.grid)
    if runtime is not None:
        return runtime.load(folders["emitted"] / "model.onnx")
    placed = bench.quantized(folders)
    name = bench.resolved.generator.output.name
    return SimulatedEngine(placed.graph, name, BY_DEFINITION)


def _executed_by(bench: Workbench) -> str:
    runtime = executor_of(bench.variant.grid)
    return "exact simulation" if runtime is None else _TITLES[runtime.name]


def _trained_on() -> str:
    """Name of the processor, or of the GPU."""
    device = here().device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else environment().cpu


def _float_engine(folders: Folders) -> Engine:
    return OrtRuntime().load(folders["captured"] / "float.onnx")


def _write_model(bench: Workbench, graph: fx.GraphModule, path: Path) -> None:
    model = export_onnx(
        graph,
        bench.inputs(EXAMPLE_BATCH, 0),
        bench.input_names(),
        bench.resolved.generator.output.name,
        bench.variant.opset,
        bench.resolved.recipe.size_multiple,
    )
    ir.save(model, path)
    onnx.checker.check_model(str(path), full_check=True)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, allow_nan=True) + "\n")
