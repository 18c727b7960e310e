"""The way of the data: the stages in order, each cached by what it depends on, then the bundle.

    captured   float.onnx              the generator as it is
    lowered    lowered.onnx            after the exact rewrites
    calibrated parameters.safetensors  scales and zero points
    emitted    model.onnx              QDQ
    parity     parity.json             engine against exact simulation
    quality    quality.json            qFID and FID of the engine
    latency    latency.json            engine against its float originals

This file knows no torch: a run whose stages are all in the cache never loads it.
"""

from __future__ import annotations

import importlib
import json
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgegan import __version__
from edgegan.bundle import (
    MANIFEST,
    Manifest,
    TargetEntry,
    atomic_folder,
    check_output,
    list_files,
    save_golden,
    text_digest,
)
from edgegan.cache import StageCache, digest, source_digest
from edgegan.checks.check import Check, Limit, Verdict, judge, judge_estimate
from edgegan.checks.speed import FLOAT, LOWERED, QUANTIZED, measure_speed, spread_note
from edgegan.errors import UnavailableError
from edgegan.generators.identity import generator_digest
from edgegan.latency.confidence import Estimate
from edgegan.latency.environment import environment, package_versions
from edgegan.latency.measure import Effort
from edgegan.recipe import Recipe, ResolvedRecipe, resolve
from edgegan.runtimes.base import first_output
from edgegan.runtimes.find import runtime_for
from edgegan.targets import Target, find_target

GOLDEN_SAMPLES = 8
GOLDEN_SEED = 7
REPORT_SCHEMA = "edgegan.report/1"
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
    runs = [
        _TargetRun(resolved, folder, find_target(name), cache, listen) for name in recipe.targets
    ]
    for run in runs:
        run.run()
    checks = tuple(check for run in runs for check in run.checks())
    report = _report(resolved, runs, checks)
    with atomic_folder(output, overwrite) as bundle:
        _write_bundle(bundle, resolved, folder, runs, report)
    return ExportResult(output, report, checks)


class _TargetRun:
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
        self.results: dict[str, Path] = {}
        self.keys: dict[str, str] = {}
        self.seconds: dict[str, float] = {}
        self._bench: Any = None

    def run(self) -> None:
        recipe, target = self.resolved.recipe, self.target
        generator = generator_digest(self.resolved.generator, self.folder)
        here = environment()

        self._stage(
            "captured",
            [generator, target.opset, _code("generators", "lowering", "emit")],
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
                _code("quantization"),
            ],
            lambda out: self._stages().calibrate_ranges(
                self._workbench(), out, self._progress("calibrated")
            ),
        )
        self._stage(
            "emitted",
            [self.keys["calibrated"], _code("runtimes")],
            lambda out: self._stages().emit_quantized(
                self._workbench(), out, self.results["calibrated"]
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
                self.results["calibrated"],
                self.results["emitted"],
                self.results["captured"],
                self._progress("parity"),
            ),
        )
        if self.resolved.features is not None:
            features = self.resolved.features
            self._stage(
                "quality",
                [self.keys["emitted"], machine, checks.samples, checks.seed, features,
                 _code("metrics"), _model_digest(features)],
                lambda out: self._stages().check_quality(
                    self._workbench(),
                    out,
                    self.results["emitted"],
                    self.results["captured"],
                    self._progress("quality"),
                ),
            )  # fmt: skip
        self._stage(
            "latency",
            [self.keys["emitted"], machine, _code("latency"), here.cores, checks.latency_seconds],
            self._latency,
        )

    def _latency(self, out: Path) -> None:
        speed = measure_speed(
            self.models(),
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

    def models(self) -> dict[str, Path]:
        return {
            QUANTIZED: self.results["emitted"] / "model.onnx",
            FLOAT: self.results["captured"] / "float.onnx",
            LOWERED: self.results["lowered"] / "lowered.onnx",
        }

    def read(self, stage: str, name: str) -> dict[str, Any]:
        """A stage's JSON result."""
        data: dict[str, Any] = json.loads((self.results[stage] / name).read_text())
        return data

    def checks(self) -> list[Check]:
        """Every value with its limit and verdict."""
        lowering = self.read("lowered", "lowering.json")
        parity = self.read("parity", "parity.json")
        latency = self.read("latency", "latency.json")
        execution = self.read("emitted", "execution.json")
        sizes = {name: path.stat().st_size for name, path in self.models().items()}
        checks = [
            self._check("lowering.relative_error", lowering["relative_error"], "float32, batch 3"),
            self._parity_check(parity),
            self._check("parity.psnr_db", parity["psnr_db"], f"{parity['samples']} latents"),
        ]
        if "quality" in self.results:
            quality = self.read("quality", "quality.json")
            how = f"{quality['features']}, {quality['samples']} samples, seed {quality['seed']}"
            real = f"{how}, against {quality['reference']}"
            checks += [
                self._check("qfid", quality["qfid"], how),
                self._check("fid.float", quality["fid_float"], real),
                self._check("fid.quantized", quality["fid_quantized"], real),
            ]
        checks += [
            self._noisy_check("latency.ratio", Estimate(**latency["ratio"]), latency["note"]),
            self._noisy_check(
                "latency.ratio_lowered", Estimate(**latency["ratio_lowered"]), latency["note"]
            ),
            self._check(
                "size.ratio",
                sizes[QUANTIZED] / sizes[FLOAT],
                f"{sizes[QUANTIZED]} of {sizes[FLOAT]} bytes",
            ),
            self._check("int8.mac_share", execution["int8_mac_share"], "optimized graph"),
        ]
        return checks

    def _limit(self, name: str) -> Limit | None:
        return self.resolved.recipe.checks.gates.get(name)

    def _check(self, name: str, value: float, detail: str) -> Check:
        limit = self._limit(name)
        return Check(name, self.target.name, value, limit, judge(value, limit), detail)

    def _noisy_check(self, name: str, estimate: Estimate, detail: str) -> Check:
        limit = self._limit(name)
        verdict = judge_estimate(estimate, limit)
        interval = (estimate.low, estimate.high)
        return Check(name, self.target.name, estimate.value, limit, verdict, detail, interval)

    def _parity_check(self, parity: dict[str, Any]) -> Check:
        """Bit parity is owed where the CPU has the proven instructions; elsewhere the reason is given."""
        detail = f"{parity['samples']} latents, {len(parity['tensors'])} quantized tensors"
        check = self._check("parity.max_lsb", parity["max_lsb"], detail)
        if not parity["tapped_as_shipped"]:
            reason = (
                "the tapped engine does not run as the shipped one, so its tensors prove nothing"
            )
            return Check(check.name, check.target, math.inf, check.limit, Verdict.FAIL, reason)
        if check.verdict is not Verdict.FAIL:
            return check
        detail = f"{detail}; first difference at {parity['first_difference']}"
        flags = self.target.exact_cpu_flags
        if set(flags) & set(environment().flags):
            return Check(*_head(check), Verdict.FAIL, detail)
        reason = f"{detail}; this CPU has no {' or '.join(flags)}: its 8-bit products saturate"
        return Check(*_head(check), Verdict.INCONCLUSIVE, reason)

    def _stage(self, name: str, key: Any, make: Callable[[Path], None]) -> None:
        self.keys[name] = digest([name, key, package_versions(*_COMPUTES)])
        self.listen(Event(name))
        start = time.perf_counter()
        self.results[name], cached = self.cache.stage(name, self.keys[name], make)
        self.seconds[name] = time.perf_counter() - start
        self.listen(Event(name, seconds=self.seconds[name], cached=cached))

    def _progress(self, stage: str) -> Callable[[int, int], None]:
        return lambda done, total: self.listen(Event(stage, done, total))

    def _stages(self) -> Any:
        """The stages' code, which needs torch; loaded when a result is not in the cache."""
        try:
            return importlib.import_module("edgegan.stages")
        except ModuleNotFoundError as error:
            raise UnavailableError(
                f"export needs the package {error.name!r}; install it with: pip install 'edgegan[export]'"
            ) from None

    def _workbench(self) -> Any:
        if self._bench is None:
            self._bench = self._stages().Workbench(self.resolved, self.folder, self.target)
        return self._bench


def _head(check: Check) -> tuple[str, str, float, Limit | None]:
    return check.name, check.target, check.value, check.limit


def _code(*packages: str) -> str:
    """Digest of edgegan's own code that computes a stage."""
    root = Path(__file__).parent
    return digest([source_digest(root / name) for name in packages])


def _model_digest(name: str) -> str:
    from edgegan.cache import file_digest
    from edgegan.card import card_folder

    return digest([file_digest(path) for path in sorted(card_folder(name).iterdir())])


def _report(
    resolved: ResolvedRecipe, runs: list[_TargetRun], checks: tuple[Check, ...]
) -> dict[str, Any]:
    return {
        "schema": REPORT_SCHEMA,
        "name": resolved.recipe.name,
        "checks": [check.as_json() for check in checks],
        "targets": {
            run.target.name: {
                "rewrites": run.read("lowered", "lowering.json")["rewrites"],
                "execution": run.read("emitted", "execution.json"),
                "parity": {
                    key: value if not isinstance(value, float) or math.isfinite(value) else None
                    for key, value in run.read("parity", "parity.json").items()
                },
                "latency": run.read("latency", "latency.json"),
            }
            for run in runs
        },
        "environment": environment().as_json()
        | {"packages": package_versions("edgegan", *_COMPUTES)},
    }


def _write_bundle(
    bundle: Path,
    resolved: ResolvedRecipe,
    folder: Path,
    runs: list[_TargetRun],
    report: dict[str, Any],
) -> None:
    first = runs[0]
    models = first.models()
    shutil.copyfile(models[QUANTIZED], bundle / "model.onnx")
    (bundle / "reference").mkdir()
    references = {name: f"reference/{name}.onnx" for name in (FLOAT, LOWERED)}
    for name, path in references.items():
        shutil.copyfile(models[name], bundle / path)
    shape = _write_golden(bundle, first)
    recipe = resolved.as_yaml()
    (bundle / "recipe.resolved.yaml").write_text(recipe)
    (bundle / "report.json").write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")
    terms = folder / "LICENSE"
    text = terms.read_text() if terms.is_file() else f"Terms of the weights: {resolved.license}\n"
    (bundle / "LICENSE").write_text(text)
    here = environment()
    manifest = Manifest(
        schema="edgegan.bundle/1",  # type: ignore[call-arg]
        name=resolved.recipe.name,
        edgegan=__version__,
        license=resolved.license,
        inputs=resolved.generator.inputs,
        output=resolved.generator.output,
        output_shape=shape,
        golden_seed=GOLDEN_SEED,
        recipe_sha256=text_digest(recipe),
        references=references,
        golden={"inputs": "golden/inputs.npz", "outputs": "golden/outputs.npz"},
        targets=tuple(
            TargetEntry(
                name=run.target.name,
                runtime=run.target.runtime,
                grid=run.target.grid.name,
                model="model.onnx",
                opset=run.target.opset,
                int8_mac_share=run.read("emitted", "execution.json")["int8_mac_share"],
                proven_with={"flags": list(here.flags), **here.packages},
            )
            for run in runs
        ),
        files=list_files(bundle),
    )
    text = json.dumps(manifest.model_dump(mode="json", by_alias=True), indent=2)
    (bundle / MANIFEST).write_text(text + "\n")


def _write_golden(bundle: Path, run: _TargetRun) -> tuple[int, ...]:
    """Golden pairs from the engine and from the float model; returns the shape of one image."""
    generator = run.resolved.generator
    samples = generator.sample(GOLDEN_SAMPLES, GOLDEN_SEED)
    inputs = {spec.name: value for spec, value in zip(generator.inputs, samples, strict=True)}
    runtime = runtime_for(run.target)
    image = first_output(runtime.load(bundle / "model.onnx").run(inputs))
    original = first_output(runtime.load(bundle / "reference" / "float.onnx").run(inputs))
    name = generator.output.name
    save_golden(bundle / "golden" / "inputs.npz", inputs)
    save_golden(bundle / "golden" / "outputs.npz", {name: image, f"{name}_float": original})
    return image.shape[1:]
