"""Everything about a bundle's target that a gate can be set on, by name.

A new measured value is one function and its line in ``MEASURES``. It is only called where a gate asks
for it, so it may be expensive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from edgegan.checks.check import Check, Limit
from edgegan.checks.measurement import Measurement, estimated
from edgegan.checks.speed import FLOAT, QUANTIZED, Speed, spread_note
from edgegan.devices import Device
from edgegan.emulation.cores import find_core
from edgegan.emulation.cost import count
from edgegan.generators import latents
from edgegan.generators.contract import InputSpec
from edgegan.latency.confidence import (
    MEDIAN_SAMPLES,
    median_estimate,
    percentile_estimate,
)
from edgegan.latency.measure import TAIL_RUNS
from edgegan.latency.memory import Footprint


@dataclass(frozen=True)
class Subject:
    """One target of one bundle.

    Attributes:
        device: what executes it.
        inputs: of each model.
        models: files by ``quantized``, ``float``, ``lowered``.
        speed: their timings; None on an emulated core.
        footprint: of the quantized model, in ``processes_for`` processes; None as ``speed``.
        unavailable: why nothing executes it here, or empty.
    """

    device: Device
    inputs: tuple[InputSpec, ...]
    models: dict[str, Path]
    speed: Speed | None
    footprint: Footprint | None
    unavailable: str = ""

    def timed(self) -> Speed:
        assert self.speed is not None, "only what is timeless is asked of an emulated core"
        return self.speed

    def loaded(self) -> Footprint:
        assert self.footprint is not None, "as timed"
        return self.footprint


def _percentile(level: int) -> Callable[[Subject], Measurement]:
    def measure(subject: Subject) -> Measurement:
        timing, least = subject.timed().timings[QUANTIZED], TAIL_RUNS.get(level, 0)
        lacking = ""
        if timing.runs < least:
            lacking = f"p{level} needs {least} runs, not {timing.runs}: give --runs {least}"
        return estimated(percentile_estimate(timing, level), spread_note(subject.timed()), lacking)

    return measure


def _ratio(subject: Subject) -> Measurement:
    return estimated(subject.timed().ratio, spread_note(subject.timed()))


def _ratio_lowered(subject: Subject) -> Measurement:
    return estimated(subject.timed().ratio_lowered, spread_note(subject.timed()))


def _load_time(subject: Subject) -> Measurement:
    samples = subject.loaded().load_ms
    return estimated(median_estimate(samples), f"median of {len(samples)} fresh processes")


def _peak_memory(subject: Subject) -> Measurement:
    samples = subject.loaded().peak_bytes
    return estimated(median_estimate(samples), f"median of {len(samples)} fresh processes")


def _size(subject: Subject) -> Measurement:
    path = subject.models[QUANTIZED]
    return Measurement(path.stat().st_size, path.name)


def _size_ratio(subject: Subject) -> Measurement:
    size, original = (subject.models[name].stat().st_size for name in (QUANTIZED, FLOAT))
    return Measurement(size / original, f"{size} of {original} bytes")


def _mac_share(subject: Subject) -> Measurement:
    if subject.unavailable:
        return _unavailable(subject)
    execution = subject.device.runtime().execution_map(subject.models[QUANTIZED])
    return Measurement(execution.mac_share, f"optimized graph of {subject.device.label}")


def _instructions(subject: Subject) -> Measurement:
    return _counted(subject, lambda costs: costs[QUANTIZED])


def _instruction_ratio(subject: Subject) -> Measurement:
    return _counted(subject, lambda costs: costs[FLOAT] / costs[QUANTIZED])


def _counted(subject: Subject, value: Callable[[dict[str, int]], float]) -> Measurement:
    if subject.unavailable:
        return _unavailable(subject)
    if subject.device.core is None:
        return Measurement(math.nan, "", lacking="instructions are counted on emulated cores only")
    core = find_core(subject.device.core)
    feed = {i.name: latents.draw(i, 2, 0) for i in subject.inputs}
    costs = {name: count(subject.models[name], feed, core) for name in (QUANTIZED, FLOAT)}
    detail = "guest instructions of one warm inference, batch 1"
    return Measurement(value({name: cost.instructions for name, cost in costs.items()}), detail)


def _unavailable(subject: Subject) -> Measurement:
    return Measurement(math.nan, "", lacking=subject.unavailable)


MEASURES: dict[str, Callable[[Subject], Measurement]] = {
    "latency.p50_ms": _percentile(50),
    "latency.p90_ms": _percentile(90),
    "latency.p95_ms": _percentile(95),
    "latency.p99_ms": _percentile(99),
    "latency.ratio": _ratio,
    "latency.ratio_lowered": _ratio_lowered,
    "load_ms": _load_time,
    "peak_bytes": _peak_memory,
    "size.bytes": _size,
    "size.ratio": _size_ratio,
    "int8.mac_share": _mac_share,
    "cost.instructions": _instructions,
    "cost.ratio": _instruction_ratio,
}

COUNTED = frozenset({"cost.instructions", "cost.ratio"})
"""What is counted on emulated cores."""

TIMELESS = COUNTED | {"size.bytes", "size.ratio", "int8.mac_share"}
"""What can be judged of a target for another processor."""

GATE_NAMES = tuple(MEASURES)
"""What a gate can be set on, in the order of reports."""


def judge_gate(name: str, limit: Limit, subject: Subject) -> Check:
    """Measure one of ``GATE_NAMES``, and hold it against its limit."""
    return MEASURES[name](subject).check(name, subject.device.label, limit)


def processes_for(names: Collection[str]) -> int:
    """How many processes the footprint is measured in: enough to judge it, where a gate is on it."""
    return MEDIAN_SAMPLES if {"load_ms", "peak_bytes"} & set(names) else 1
