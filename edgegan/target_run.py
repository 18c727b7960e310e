"""The stages of one target: what its engine computes and costs, on each device that executes it here.

execution  execution.json  how each layer runs
parity     parity.json     engine against exact simulation
latency    latency.json    engine against its float originals, on this machine
cost       cost.json       instructions of both, on an emulated core
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from edgegan.bundle import load_golden
from edgegan.checks.speed import FLOAT, HALF, QUANTIZED, measure_speed, spread_note
from edgegan.devices import Device, devices_for
from edgegan.emit.half_precision import half_precision
from edgegan.emulation.cores import find_core
from edgegan.emulation.cost import count
from edgegan.generators.inputs import draw_inputs
from edgegan.handoff.description import Delivery
from edgegan.handoff.write import write_handoff
from edgegan.latency.environment import environment
from edgegan.latency.measure import Effort
from edgegan.latency.memory import footprint
from edgegan.results import TargetResults, VariantResults
from edgegan.runtimes.trt_build import BuiltEngines, build_engines
from edgegan.runtimes.trt_device import local_gpu
from edgegan.runtimes.trt_library import FLAVOURS, load_library, why_no_build
from edgegan.runtimes.trt_options import BuildOptions
from edgegan.stage_runner import StageRunner, code
from edgegan.targets import Target
from edgegan.variant_run import VariantRun


class TargetRun:
    """The stages of one target on what its variant has made."""

    def __init__(self, variant: VariantRun, target: Target, qualifier: str) -> None:
        self.variant = variant
        self.target = target
        shared = variant.runner
        self.runner = StageRunner(shared.cache, shared.listen, qualifier)

    def finish(self) -> TargetResults:
        """Run or recall every stage; what cannot run here is left out, with the reason."""
        emulation = self.variant.resolved.recipe.checks.emulation
        devices, reason = devices_for(self.target, emulation.cores, environment())
        for device in devices:
            self.execution(device)
            if self.variant.variant.grid.activations:
                self._parity(device)
            if device.core is None:
                self.latency(device)
            elif device.core == emulation.cost_core:
                self._cost(device)
        if self.target.runtime in FLAVOURS:
            self._engines()
        if self.target.processor == "aarch64":
            self._handoff()
        return TargetResults(
            self.variant.results(), self.target, devices, reason, self.runner.folders
        )

    def _key(self, device: Device) -> list[Any]:
        """What every result on a device depends on."""
        emitted = self.variant.runner.keys["emitted"]
        return [emitted, self.target.name, device.key(), code("runtimes", "emulation")]

    def execution(self, device: Device) -> None:
        """How each layer runs on a device."""

        def make(out: Path) -> None:
            model = self.variant.results().models()[QUANTIZED]
            _write(out / "execution.json", device.runtime().execution_map(model).as_json())

        self.runner.run(device.stage("execution"), self._key(device), make)

    def _parity(self, device: Device) -> None:
        checks, name = self.variant.resolved.recipe.checks, device.stage("parity")
        samples = checks.parity_samples if device.core is None else checks.emulation.samples
        self.runner.run(
            name,
            [self._key(device), samples, checks.seed, code("simulation", "checks")],
            lambda out: self.variant.stages.check_parity(
                self.variant.bench,
                out,
                self.variant.runner.folders,
                self.target,
                device.runtime(),
                samples,
                self.runner.progress(name),
            ),
        )

    def latency(self, device: Device) -> None:
        """Time against the float originals on a device."""
        resolved, models = self.variant.resolved, self.variant.results().models()
        seconds = resolved.recipe.checks.latency_seconds

        def make(out: Path) -> None:
            timed = dict(models)
            if self.target.processor == "nvidia":  # what a GPU would run instead of int8
                timed[HALF] = out / "half.onnx"
                onnx.save(half_precision(models[FLOAT]), timed[HALF])
            speed = measure_speed(
                timed,
                resolved.generator.free_inputs,
                device.runtime(),
                effort=Effort(seconds=seconds),
            )
            document = {
                "ratio_half": None if speed.ratio_half is None else vars(speed.ratio_half),
                "ratio": vars(speed.ratio),
                "ratio_lowered": vars(speed.ratio_lowered),
                "timings": {name: t.as_json() for name, t in speed.timings.items()},
                "note": spread_note(speed),
            }
            _write(out / "latency.json", document)

        key = [self._key(device), code("latency", "checks/speed.py"), environment().cores, seconds]
        self.runner.run(device.stage("latency"), key, make)

    def _cost(self, device: Device) -> None:
        resolved, models = self.variant.resolved, self.variant.results().models()
        assert device.core is not None
        core = find_core(device.core)

        def make(out: Path) -> None:
            seed = resolved.recipe.checks.seed
            inputs = draw_inputs(resolved.generator.free_inputs, self.variant.folder, 2, seed)
            one = {name: value[:1] for name, value in inputs.items()}
            costs = {name: count(models[name], one, core) for name in (QUANTIZED, FLOAT)}
            document = {name: vars(cost) for name, cost in costs.items()}
            ratio = costs[FLOAT].instructions / costs[QUANTIZED].instructions
            _write(out / "cost.json", document | {"ratio": ratio, "core": core.name})

        self.runner.run(device.stage("cost"), self._key(device), make)

    def _engines(self) -> None:
        """Engines for named GPUs, or for the one here; nothing where the library cannot build."""
        flavour, section = FLAVOURS[self.target.runtime], self.variant.resolved.recipe.tensorrt
        if why_no_build(flavour):
            return
        capabilities = section.capabilities if flavour.ahead_of_time else ()
        timings = None if flavour.ahead_of_time else self.runner.cache.folder.parent / "timings"
        options = BuildOptions(capabilities, section.profile(), timings)
        version = str(load_library(flavour).__version__)
        model = self.variant.results().models()[QUANTIZED]
        self.runner.run(
            "engines",
            [
                self.variant.runner.keys["emitted"],
                flavour.name,
                version,
                capabilities or vars(local_gpu()),
                section.batch,
                code("runtimes"),
            ],
            lambda out: _write(
                out / "engines.json", _described(build_engines(model, options, out, flavour))
            ),
        )

    def _handoff(self) -> None:
        results, emitted = self.variant.results(), self.variant.runner.keys["emitted"]
        key = [emitted, results.name_in_bundle(QUANTIZED), code("handoff"), environment().key()]
        self.runner.run("handoff", key, lambda out: _hand_over(results, out))


def _described(built: BuiltEngines) -> dict[str, Any]:
    engines = [
        {
            "file": engine.file.name,
            "bytes": engine.bytes,
            "capability": engine.capability,
            "library": f"{engine.library} {engine.version}",
            "execution": engine.execution.as_json(),
            "ran": engine.ran,
        }
        for engine in built.engines
    ]
    return {"engines": engines, "refused": built.refused}


def _hand_over(results: VariantResults, out: Path) -> None:
    resolved, model = results.resolved, results.models()[QUANTIZED]
    generator, golden = resolved.generator, load_golden(results.folders["golden"])
    image = golden[generator.output.name]
    error = float(np.abs(image - golden[f"{generator.output.name}_float"]).max())
    delivery = Delivery(
        name=resolved.recipe.name,
        license=resolved.license,
        inputs=generator.free_inputs,
        output=generator.output,
        output_shape=image.shape[1:],
        model=f"../{results.name_in_bundle(QUANTIZED)}",
        proven_with=environment().packages["onnxruntime"],
        # behind a float operator, another processor's last bits may cascade to the quantization error
        tolerance=error if results.read("emitted")["islands"] else 0.0,
        peak_bytes=footprint(model, "ort-x86", generator.free_inputs, 1, 1).peak_bytes[0],
    )
    folder = out / "handoff"
    folder.mkdir()
    ort = write_handoff(folder, delivery, model, golden)
    _write(out / "handoff.json", {"ort_bytes": None if ort is None else ort.bytes})


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n")
