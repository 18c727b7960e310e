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
from edgegan.checks.speed import FLOAT, LOWERED, QUANTIZED, Speed, measure_speed, spread_note
from edgegan.errors import BundleError, UsageError
from edgegan.gates import Gates
from edgegan.latency.baseline import Baseline, BaselineRow, regression_limit
from edgegan.latency.confidence import percentile_estimate
from edgegan.latency.environment import Environment
from edgegan.latency.measure import Effort
from edgegan.latency.memory import Footprint, footprint
from edgegan.measurements import Subject, estimated, judge_gate, processes_for
from edgegan.runtimes.find import runtime_for
from edgegan.targets import find_target

SCHEMA = "edgegan.benchmark/1"

REGRESSION = "regression.p50_ms"
"""Name of the check against a baseline."""


@dataclass(frozen=True)
class Row:
    """One target of one bundle, measured.

    Attributes:
        footprints: by model, as ``speed.timings``.
        checks: the gates' verdicts; without gates, empty.
        seconds: that measuring took.
    """

    bundle: str
    target: str
    speed: Speed
    footprints: dict[str, Footprint]
    checks: tuple[Check, ...]
    seconds: float

    @property
    def key(self) -> str:
        return _key(self.bundle, self.target, self.speed)

    def as_json(self) -> dict[str, Any]:
        models = {
            name: timing.as_json() | self.footprints[name].as_json()
            for name, timing in self.speed.timings.items()
        }
        return {
            "bundle": self.bundle,
            "target": self.target,
            "threads": self.speed.threads,
            "batch": self.speed.batch,
            "models": models,
            "ratio": vars(self.speed.ratio),
            "ratio_lowered": vars(self.speed.ratio_lowered),
            "checks": [check.as_json() for check in self.checks],
        }


def benchmark(
    folders: Sequence[Path], gates: Gates, here: Environment, baseline: Baseline | None = None
) -> list[Row]:
    """Measure every target of the bundles, and judge.

    Args:
        folders: of the bundles; all are opened before the first is measured.
        gates: how to measure, and the limits.
        here: this machine.
        baseline: what ``gates.baseline`` holds.

    Raises:
        BundleError: if a bundle or one of its models cannot be read.
    """
    bundles = [open_bundle(folder) for folder in folders]
    return [
        _row(bundle, entry, gates, here, baseline)
        for bundle in bundles
        for entry in bundle.manifest.targets
    ]


def baseline_rows(rows: Sequence[Row]) -> dict[str, BaselineRow]:
    """What later runs are to be compared with: the quantized models' medians, by row.

    Raises:
        UsageError: if two bundles have the same name, so that one would hide the other.
    """
    keys = [row.key for row in rows]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise UsageError(f"--save-baseline: two bundles have the row {twice}; save one at a time.")
    return {
        row.key: BaselineRow(p50_ms=row.speed.timings[QUANTIZED].percentile(50)) for row in rows
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
        model: footprint(path, inputs, gates.threads, gates.batch, processes.get(model, 1))
        for model, path in models.items()
    }
    subject = Subject(target, inputs, models, runtime, speed, footprints[QUANTIZED])
    checks = [judge_gate(check, limit, subject) for check, limit in limits.items()]
    if baseline is not None:
        before = baseline.environments.get(here.key())
        checks.append(_regression(_key(name, target.name, speed), subject, gates, before))
    seconds = time.perf_counter() - start
    return Row(name, target.name, speed, footprints, tuple(checks), seconds)


def _models(bundle: Bundle, entry: TargetEntry) -> dict[str, Path]:
    missing = {FLOAT, LOWERED} - set(bundle.manifest.references)
    if missing:
        raise BundleError(f"{bundle.folder}: the manifest names no reference {missing.pop()!r}.")
    references = {name: bundle.path(bundle.manifest.references[name]) for name in (FLOAT, LOWERED)}
    return {QUANTIZED: bundle.path(entry.model), **references}


def _key(bundle: str, target: str, speed: Speed) -> str:
    return f"{bundle}/{target}/{speed.threads}/{speed.batch}"


def _regression(
    key: str, subject: Subject, gates: Gates, before: dict[str, BaselineRow] | None
) -> Check:
    """The median against the baseline's row; inconclusive where there is none of this machine."""
    target, speed = subject.target.name, subject.speed
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
