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

from edgegan.checks.speed import FLOAT, QUANTIZED, measure_speed, spread_note
from edgegan.devices import Device, devices_for
from edgegan.emulation.cores import find_core
from edgegan.emulation.cost import count
from edgegan.generators.inputs import draw_inputs
from edgegan.latency.environment import environment
from edgegan.latency.measure import Effort
from edgegan.results import TargetResults
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
            self._execution(device)
            self._parity(device)
            if device.core is None:
                self._latency(device)
            elif device.core == emulation.cost_core or len(devices) == 1:
                self._cost(device)
        return TargetResults(
            self.variant.results(), self.target, devices, reason, self.runner.folders
        )

    def _key(self, device: Device) -> list[Any]:
        """What every result on a device depends on."""
        emitted = self.variant.runner.keys["emitted"]
        return [emitted, self.target.name, device.key(), code("runtimes", "emulation")]

    def _execution(self, device: Device) -> None:
        def make(out: Path) -> None:
            model = self.variant.results().models()[QUANTIZED]
            _write(out / "execution.json", device.runtime().execution_map(model).as_json())

        self.runner.run(device.stage("execution"), self._key(device), make)

    def _parity(self, device: Device) -> None:
        checks, name = self.variant.resolved.recipe.checks, device.stage("parity")
        samples = checks.parity_samples if device.core is None else checks.emulation.samples
        self.runner.run(
            name,
            [self._key(device), samples, checks.seed, code("simulation", "checks/parity.py")],
            lambda out: self.variant.stages.check_parity(
                self.variant.bench,
                out,
                self.variant.runner.folders,
                device.runtime(),
                samples,
                self.runner.progress(name),
            ),
        )

    def _latency(self, device: Device) -> None:
        resolved, models = self.variant.resolved, self.variant.results().models()
        seconds = resolved.recipe.checks.latency_seconds

        def make(out: Path) -> None:
            speed = measure_speed(
                models, resolved.generator.inputs, device.runtime(), effort=Effort(seconds=seconds)
            )
            document = {
                "ratio": vars(speed.ratio),
                "ratio_lowered": vars(speed.ratio_lowered),
                "timings": {name: t.as_json() for name, t in speed.timings.items()},
                "note": spread_note(speed),
            }
            _write(out / "latency.json", document)

        key = [self._key(device), code("latency"), environment().cores, seconds]
        self.runner.run(device.stage("latency"), key, make)

    def _cost(self, device: Device) -> None:
        resolved, models = self.variant.resolved, self.variant.results().models()
        assert device.core is not None
        core = find_core(device.core)

        def make(out: Path) -> None:
            seed = resolved.recipe.checks.seed
            inputs = draw_inputs(resolved.generator.inputs, self.variant.folder, 2, seed)
            one = {name: value[:1] for name, value in inputs.items()}
            costs = {name: count(models[name], one, core) for name in (QUANTIZED, FLOAT)}
            document = {name: vars(cost) for name, cost in costs.items()}
            ratio = costs[FLOAT].instructions / costs[QUANTIZED].instructions
            _write(out / "cost.json", document | {"ratio": ratio, "core": core.name})

        self.runner.run(device.stage("cost"), self._key(device), make)


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n")
