"""`edgegan benchmark`: times bundles against their float originals and holds them to gates.

Runs without torch. A gate's verdict is *inconclusive* when the confidence interval of the measured
value straddles its limit (the machine was too noisy to say), or when there is too little to judge by.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgegan.bundle import Bundle, TargetEntry, open_bundle
from edgegan.checks.check import Check, Limit, Verdict
from edgegan.checks.measurement import estimated
from edgegan.checks.speed import FLOAT, LOWERED, QUANTIZED, Speed, measure_speed, spread_note
from edgegan.devices import Device, devices_for, why_not_native
from edgegan.errors import UnavailableError, UsageError
from edgegan.gates import Gates
from edgegan.latency.baseline import Baseline, BaselineRow, regression_limit
from edgegan.latency.confidence import percentile_estimate
from edgegan.latency.environment import Environment
from edgegan.latency.measure import Effort
from edgegan.latency.memory import Footprint, footprint
from edgegan.measurements import (
    COUNTED,
    TIMELESS,
    Subject,
    judge_gate,
    processes_for,
)
from edgegan.runtimes.find import runtime_for
from edgegan.targets import find_target

SCHEMA = "edgegan.benchmark/1"

REGRESSION = "regression.p50_ms"
"""Name of the check against a baseline."""


@dataclass(frozen=True)
class Row:
    """One target of one bundle, measured.

    Attributes:
        target: its name, with ``@CORE`` where a core was emulated.
        speed: None there: an emulated core's time says nothing.
        footprints: by model, as ``speed.timings``.
        checks: the gates' verdicts; without gates, empty.
        seconds: that measuring took.
    """

    bundle: str
    target: str
    speed: Speed | None
    footprints: dict[str, Footprint]
    checks: tuple[Check, ...]
    seconds: float

    @property
    def key(self) -> str:
        """The baseline's key of a timed row."""
        assert self.speed is not None
        return _key(self.bundle, self.target, self.speed)

    def as_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {"bundle": self.bundle, "target": self.target}
        if self.speed is not None:
            document |= {
                "threads": self.speed.threads,
                "batch": self.speed.batch,
                "models": {
                    name: timing.as_json() | self.footprints[name].as_json()
                    for name, timing in self.speed.timings.items()
                },
                "ratio": vars(self.speed.ratio),
                "ratio_lowered": vars(self.speed.ratio_lowered),
            }
        return document | {"checks": [check.as_json() for check in self.checks]}


def benchmark(
    folders: Sequence[Path], gates: Gates, here: Environment, baseline: Baseline | None = None
) -> list[Row]:
    """Measure the bundles' targets that this machine is one of, and judge.

    Of targets for other processors, what needs no time is judged, where a gate is on their
    instructions.

    Args:
        folders: of the bundles; all are opened before the first is measured.
        gates: how to measure, and the limits.
        here: this machine.
        baseline: what ``gates.baseline`` holds.

    Raises:
        BundleError: if a bundle or one of its models cannot be read.
        UnavailableError: if there is nothing that this machine can measure.
    """
    bundles = [open_bundle(folder) for folder in folders]
    rows = []
    for bundle in bundles:
        reasons = []
        for entry in bundle.manifest.targets:
            reason = why_not_native(find_target(entry.name), here)
            if not reason:
                rows.append(_row(bundle, entry, gates, here, baseline))
            elif COUNTED & set(gates.limits_for(bundle.manifest.name, entry.name)):
                rows.append(_counted_row(bundle, entry, gates, here))
            else:
                reasons.append(f"{entry.name}: {reason}")
        if len(reasons) == len(bundle.manifest.targets):
            raise UnavailableError(
                f"{bundle.folder}: none of its targets can be timed here ({'; '.join(reasons)})."
            )
    return rows


def baseline_rows(rows: Sequence[Row]) -> dict[str, BaselineRow]:
    """What later runs are to be compared with: the quantized models' medians, by row.

    Raises:
        UsageError: if two bundles have the same name, so that one would hide the other.
    """
    timed = [row for row in rows if row.speed is not None]
    keys = [row.key for row in timed]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise UsageError(f"--save-baseline: two bundles have the row {twice}; save one at a time.")
    return {
        row.key: BaselineRow(p50_ms=row.speed.timings[QUANTIZED].percentile(50))
        for row in timed
        if row.speed is not None
    }


def _row(
    bundle: Bundle, entry: TargetEntry, gates: Gates, here: Environment, baseline: Baseline | None
) -> Row:
    start = time.perf_counter()
    name, target = bundle.manifest.name, find_target(entry.name)
    models, inputs = _models(bundle, entry), bundle.manifest.inputs
    runtime = runtime_for(target)
    limits = gates.limits_for(name, target.name)
    effort = Effort(runs=gates.runs, seconds=gates.seconds)
    speed = measure_speed(models, inputs, runtime, gates.threads, gates.batch, effort)
    processes = {QUANTIZED: processes_for(limits)}
    footprints = {
        model: footprint(
            path, target.name, inputs, gates.threads, gates.batch, processes.get(model, 1)
        )
        for model, path in models.items()
    }
    subject = Subject(Device(target), inputs, models, speed, footprints[QUANTIZED])
    checks = [judge_gate(check, limit, subject) for check, limit in limits.items()]
    if baseline is not None:
        before = baseline.environments.get(here.key())
        checks.append(
            _regression(_key(name, target.name, speed), target.name, speed, gates, before)
        )
    seconds = time.perf_counter() - start
    return Row(name, target.name, speed, footprints, tuple(checks), seconds)


def _counted_row(bundle: Bundle, entry: TargetEntry, gates: Gates, here: Environment) -> Row:
    """A target of another processor: what can be judged without time, on an emulated core."""
    start = time.perf_counter()
    name, target = bundle.manifest.name, find_target(entry.name)
    devices, reason = devices_for(target, (gates.cost_core,), here)
    device = devices[0] if devices else Device(target)
    limits = gates.limits_for(name, target.name)
    subject = Subject(device, bundle.manifest.inputs, _models(bundle, entry), None, None, reason)
    checks = tuple(judge_gate(c, limits[c], subject) for c in limits if c in TIMELESS)
    return Row(name, device.label, None, {}, checks, time.perf_counter() - start)


def _models(bundle: Bundle, entry: TargetEntry) -> dict[str, Path]:
    paths = {QUANTIZED: entry.model, FLOAT: bundle.manifest.reference, LOWERED: entry.lowered}
    return {name: bundle.path(path) for name, path in paths.items()}


def _key(bundle: str, target: str, speed: Speed) -> str:
    return f"{bundle}/{target}/{speed.threads}/{speed.batch}"


def _regression(
    key: str, target: str, speed: Speed, gates: Gates, before: dict[str, BaselineRow] | None
) -> Check:
    """The median against the baseline's row; inconclusive where there is none of this machine."""
    estimate = percentile_estimate(speed.timings[QUANTIZED], 50)
    if before is None or key not in before:
        which = "knows no such machine" if before is None else f"has no row {key} of this machine"
        interval = (estimate.low, estimate.high)
        reason = f"the baseline {which}: add it with --save-baseline"
        return Check(
            REGRESSION, target, estimate.value, None, Verdict.INCONCLUSIVE, reason, interval
        )
    p50_ms = before[key].p50_ms
    limit = Limit(max=regression_limit(p50_ms, gates.max_regression, gates.min_delta_ms))
    detail = f"baseline {p50_ms:.3f} ms; {spread_note(speed)}"
    return estimated(estimate, detail).check(REGRESSION, target, limit)
