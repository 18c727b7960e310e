"""`edgegan benchmark`: times bundles against their float originals and holds them to gates.

Runs without torch. A gate's verdict is *inconclusive* when the confidence interval of the measured
value straddles its limit: the machine was too noisy to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgegan.bundle import Bundle, TargetEntry, open_bundle
from edgegan.checks.check import Check, Limit, Verdict, judge_estimate
from edgegan.checks.speed import FLOAT, LOWERED, QUANTIZED, Speed, measure_speed, spread_note
from edgegan.errors import BundleError
from edgegan.latency.baseline import Baseline, regression_limit
from edgegan.latency.confidence import percentile_estimate
from edgegan.latency.environment import Environment
from edgegan.latency.measure import Effort
from edgegan.latency.memory import Footprint, footprint
from edgegan.runtimes.find import runtime_for
from edgegan.targets import find_target

SCHEMA = "edgegan.benchmark/1"


@dataclass(frozen=True)
class Gates:
    """Limits of a benchmark; None is no limit.

    Attributes:
        max_p95_ms: of the quantized model.
        min_ratio: of float p50 over quantized p50.
        baseline: medians to compare with.
        max_regression, min_delta_ms: see ``regression_limit``.
    """

    max_p95_ms: float | None = None
    min_ratio: float | None = None
    baseline: Baseline | None = None
    max_regression: float = 0.05
    min_delta_ms: float = 0.05


@dataclass(frozen=True)
class Row:
    """One target of one bundle, measured.

    Attributes:
        footprints: by model, as ``speed.timings``.
        checks: the gates' verdicts; without gates, empty.
    """

    bundle: str
    target: str
    speed: Speed
    footprints: dict[str, Footprint]
    checks: tuple[Check, ...]

    @property
    def key(self) -> str:
        return f"{self.bundle}/{self.target}/{self.speed.threads}/{self.speed.batch}"

    def as_json(self) -> dict[str, Any]:
        models = {
            name: timing.as_json() | vars(self.footprints[name])
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
    folder: Path, gates: Gates, here: Environment, threads: int, batch: int, effort: Effort
) -> list[Row]:
    """Measure every target of a bundle.

    Raises:
        BundleError: if the bundle or one of its models cannot be read.
    """
    bundle = open_bundle(folder)
    return [
        _row(bundle, entry, gates, here, threads, batch, effort)
        for entry in bundle.manifest.targets
    ]


def _row(
    bundle: Bundle,
    entry: TargetEntry,
    gates: Gates,
    here: Environment,
    threads: int,
    batch: int,
    effort: Effort,
) -> Row:
    missing = {FLOAT, LOWERED} - set(bundle.manifest.references)
    if missing:
        raise BundleError(f"{bundle.folder}: the manifest names no reference {missing.pop()!r}.")
    models = {QUANTIZED: bundle.path(entry.model)}
    models |= {name: bundle.path(bundle.manifest.references[name]) for name in (FLOAT, LOWERED)}
    inputs = bundle.manifest.inputs
    runtime = runtime_for(find_target(entry.name))
    footprints = {name: footprint(path, inputs, threads, batch) for name, path in models.items()}
    speed = measure_speed(models, inputs, runtime, threads, batch, effort)
    row = Row(bundle.manifest.name, entry.name, speed, footprints, ())
    checks = tuple(_checks(row, gates, here))
    return Row(row.bundle, row.target, speed, footprints, checks)


def _checks(row: Row, gates: Gates, here: Environment) -> list[Check]:
    quantized = row.speed.timings[QUANTIZED]
    note = spread_note(row.speed)
    checks = []

    def add(name: str, estimate: Any, limit: Limit, detail: str) -> None:
        verdict = judge_estimate(estimate, limit)
        interval = (estimate.low, estimate.high)
        checks.append(Check(name, row.target, estimate.value, limit, verdict, detail, interval))

    if gates.max_p95_ms is not None:
        add("latency.p95_ms", percentile_estimate(quantized, 95), Limit(max=gates.max_p95_ms), note)
    if gates.min_ratio is not None:
        add("latency.ratio", row.speed.ratio, Limit(min=gates.min_ratio), note)
    if gates.baseline is not None:
        checks.append(_regression(row, gates, gates.baseline, here))
    return checks


def _regression(row: Row, gates: Gates, baseline: Baseline, here: Environment) -> Check:
    estimate = percentile_estimate(row.speed.timings[QUANTIZED], 50)
    interval = (estimate.low, estimate.high)
    before = baseline.p50_ms.get(row.key)
    reason = ""
    if before is None:
        reason = f"the baseline has no row {row.key}"
    elif baseline.environment != here.key():
        reason = f"the baseline is of another machine ({baseline.environment})"
    if before is None or reason:
        return Check(
            "latency.p50_ms",
            row.target,
            estimate.value,
            None,
            Verdict.INCONCLUSIVE,
            reason,
            interval,
        )
    limit = Limit(max=regression_limit(before, gates.max_regression, gates.min_delta_ms))
    verdict = judge_estimate(estimate, limit)
    detail = f"baseline {before:.3f} ms; {spread_note(row.speed)}"
    return Check("latency.p50_ms", row.target, estimate.value, limit, verdict, detail, interval)
