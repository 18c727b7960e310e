"""The way of the data: the stages in order, each cached by what it depends on, then the bundle.

    captured   float.onnx              the generator as it is
    lowered    lowered.onnx            after the exact rewrites
    calibrated parameters.safetensors  scales and zero points
    emitted    model.onnx              QDQ
    parity     parity.json             engine against exact simulation
    quality    quality.json            qFID and FID of the engine
    diagnosis  diagnosis.json          layer by layer, against the float graph
    latency    latency.json            engine against its float originals

This file knows no torch: a run whose stages are all in the cache never loads it.
"""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgegan.assembly import write_bundle
from edgegan.bundle import (
    atomic_folder,
    check_output,
)
from edgegan.cache import StageCache, digest, file_digest, source_digest
from edgegan.card import FeatureSection, card_folder
from edgegan.checks.check import Check
from edgegan.checks.speed import LOWERED, QUANTIZED, measure_speed, spread_note
from edgegan.diagnosis.diagnose import diagnose
from edgegan.errors import UnavailableError
from edgegan.generators.identity import generator_digest, source_files_digest
from edgegan.generators.inputs import draw_inputs
from edgegan.latency.environment import environment, package_versions
from edgegan.latency.measure import Effort
from edgegan.recipe import Recipe, ResolvedRecipe, resolve
from edgegan.reports.report import collect_checks, make_report
from edgegan.results import TargetResults
from edgegan.runtimes.find import runtime_for
from edgegan.targets import Target, find_target

DIAGNOSIS_SAMPLES = 64
_COMPUTES = ("torch", "onnx", "onnxruntime", "onnxscript", "onnx-ir", "numpy")


@dataclass(frozen=True)
class Event:
    """Progress of the pipeline.

    Attributes:
        stage: its name.
        done, total: samples, while it runs; both 0 at its start.
        seconds: set at its end.
        cached: whether its result was in the cache.
    """

    stage: str
    done: int = 0
    total: int = 0
    seconds: float | None = None
    cached: bool = False


Listener = Callable[[Event], None]


@dataclass(frozen=True)
class ExportResult:
    """A finished export.

    Attributes:
        bundle: its folder.
        report: contents of ``report.json``.
        checks: what was checked.
    """

    bundle: Path
    report: dict[str, Any]
    checks: tuple[Check, ...]


def export(
    recipe: Recipe,
    recipe_folder: Path,
    output: Path,
    cache: StageCache,
    listen: Listener = lambda event: None,
    overwrite: bool = False,
) -> ExportResult:
    """Run a recipe from generator to bundle.

    The bundle is written even when a check fails: its report says so, and the caller's exit code does.

    Raises:
        EdgeganError: see ``edgegan.errors``; no half-written bundle is left behind.
    """
    check_output(output, overwrite)
    resolved, folder = resolve(recipe, recipe_folder)
    runs = [_Run(resolved, folder, find_target(name), cache, listen) for name in recipe.targets]
    results = [run.finish() for run in runs]
    checks = tuple(check for result in results for check in collect_checks(result))
    report = make_report(recipe.name, results, checks, ("edgegan", *_COMPUTES))
    with atomic_folder(output, overwrite) as bundle:
        write_bundle(bundle, folder, results, report)
    return ExportResult(output, report, checks)


def plan(recipe: Recipe, recipe_folder: Path) -> list[dict[str, Any]]:
    """What ``export`` would do, one document a target; nothing is calibrated or written.

    Raises:
        EdgeganError: as ``export``, for everything that can be known beforehand.
    """
    resolved, folder = resolve(recipe, recipe_folder)
    generator_digest(resolved.generator, folder)
    planner = _import("edgegan.plan")
    stages = _import("edgegan.stages")
    documents = []
    for name in recipe.targets:
        documents.append(planner.plan(stages.Workbench(resolved, folder, find_target(name))))
    return documents


def _import(module: str) -> Any:
    """Code that needs torch; the rest of this file does without."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f"export needs the package {error.name!r}; install it with: pip install 'edgegan[export]'"
        ) from None


class _Run:
    """All stages of one target."""

    def __init__(
        self,
        resolved: ResolvedRecipe,
        folder: Path,
        target: Target,
        cache: StageCache,
        listen: Listener,
    ) -> None:
        self.resolved = resolved
        self.folder = folder
        self.target = target
        self.cache = cache
        self.listen = listen
        self.folders: dict[str, Path] = {}
        self.keys: dict[str, str] = {}
        self._bench: Any = None

    def finish(self) -> TargetResults:
        """Run or recall every stage."""
        recipe, target = self.resolved.recipe, self.target
        generator = generator_digest(self.resolved.generator, self.folder)
        here = environment()

        self._stage(
            "captured",
            [generator, target.opset, _code("stages.py", "targets.py", "lowering", "emit")],
            lambda out: self._stages().capture_float(self._workbench(), out),
        )
        self._stage(
            "lowered",
            [self.keys["captured"], target.lowering.name],
            lambda out: self._stages().lower_float(self._workbench(), out),
        )
        self._stage(
            "calibrated",
            [
                self.keys["lowered"],
                target.grid.name,
                recipe.quantization.model_dump(mode="json"),
                recipe.calibration.model_dump(mode="json"),
                _code("quantization", "generators/latents.py", "generators/inputs.py"),
            ],
            lambda out: self._stages().calibrate_ranges(
                self._workbench(), out, self._progress("calibrated")
            ),
        )
        self._stage(
            "emitted",
            [self.keys["calibrated"], _code("runtimes")],
            lambda out: self._stages().emit_quantized(
                self._workbench(), out, self.folders["calibrated"]
            ),
        )
        checks = recipe.checks
        machine = [here.key(), target.name, _code("runtimes", "checks")]
        self._stage(
            "parity",
            [
                self.keys["emitted"],
                machine,
                checks.parity_samples,
                checks.seed,
                _code("simulation"),
            ],
            lambda out: self._stages().check_parity(
                self._workbench(),
                out,
                self.folders["calibrated"],
                self.folders["emitted"],
                self.folders["captured"],
                self._progress("parity"),
            ),
        )
        if self.resolved.features is not None:
            self._stage(
                "quality",
                [
                    self.keys["emitted"],
                    machine,
                    checks.samples,
                    checks.seed,
                    _features_digest(self.resolved.features, self.folder),
                    _code("metrics"),
                ],
                lambda out: self._stages().check_quality(
                    self._workbench(),
                    out,
                    self.folders["emitted"],
                    self.folders["captured"],
                    self._progress("quality"),
                ),
            )
        self._stage(
            "diagnosis",
            [self.keys["emitted"], machine, _code("diagnosis", "metrics/psnr.py")],
            lambda out: self._diagnosis(out, self._progress("diagnosis")),
        )
        self._stage(
            "latency",
            [self.keys["emitted"], machine, _code("latency"), here.cores, checks.latency_seconds],
            self._latency,
        )
        return self._results()

    def _results(self) -> TargetResults:
        return TargetResults(self.resolved, self.target, self.folders)

    def _diagnosis(self, out: Path, report: Callable[[int, int], None]) -> None:
        models, generator = self._results().models(), self.resolved.generator
        seed = self.resolved.recipe.checks.seed
        inputs = draw_inputs(generator.inputs, self.folder, DIAGNOSIS_SAMPLES, seed)
        diagnosis = diagnose(
            models[QUANTIZED],
            models[LOWERED],
            inputs,
            generator.output.value_range,
            runtime_for(self.target),
            report,
        )
        (out / "diagnosis.json").write_text(json.dumps(diagnosis.as_json(), allow_nan=False) + "\n")

    def _latency(self, out: Path) -> None:
        speed = measure_speed(
            self._results().models(),
            self.resolved.generator.inputs,
            runtime_for(self.target),
            effort=Effort(seconds=self.resolved.recipe.checks.latency_seconds),
        )
        (out / "latency.json").write_text(
            json.dumps(
                {
                    "ratio": vars(speed.ratio),
                    "ratio_lowered": vars(speed.ratio_lowered),
                    "timings": {name: t.as_json() for name, t in speed.timings.items()},
                    "note": spread_note(speed),
                },
                indent=2,
            )
            + "\n"
        )

    def _stage(self, name: str, key: Any, make: Callable[[Path], None]) -> None:
        self.keys[name] = digest([name, key, package_versions(*_COMPUTES)])
        self.listen(Event(name))
        start = time.perf_counter()
        self.folders[name], cached = self.cache.stage(name, self.keys[name], make)
        self.listen(Event(name, seconds=time.perf_counter() - start, cached=cached))

    def _progress(self, stage: str) -> Callable[[int, int], None]:
        return lambda done, total: self.listen(Event(stage, done, total))

    def _stages(self) -> Any:
        """The stages' code; loaded when a result is not in the cache."""
        return _import("edgegan.stages")

    def _workbench(self) -> Any:
        if self._bench is None:
            self._bench = self._stages().Workbench(self.resolved, self.folder, self.target)
        return self._bench


def _code(*packages: str) -> str:
    """Digest of edgegan's own code that computes a stage."""
    root = Path(__file__).parent
    return digest([source_digest(root / name) for name in packages])


def _features_digest(features: str | FeatureSection, folder: Path) -> str:
    """Digest of a feature network: of a zoo model's files, or of one's own source and weights."""
    if features == "inception":  # its one file is checked when it is loaded
        return features
    if isinstance(features, str):
        return digest([file_digest(path) for path in sorted(card_folder(features).iterdir())])
    files = [features.network.weights, *([features.statistics] if features.statistics else [])]
    source = source_files_digest(features.network.source, folder)
    return digest(
        [features.model_dump(mode="json"), source, [file_digest(folder / f) for f in files]]
    )
