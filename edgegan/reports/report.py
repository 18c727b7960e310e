"""The report: every check with its verdict, and what they were made from."""

from __future__ import annotations

import math
from typing import Any

from edgegan.checks.check import Check, Limit, Verdict, judge
from edgegan.checks.measurement import estimated
from edgegan.checks.speed import FLOAT, QUANTIZED
from edgegan.devices import Device
from edgegan.evaluation.names import FID_OF_ORIGINAL, in_report
from edgegan.evaluation.score import score_of
from edgegan.latency.confidence import Estimate
from edgegan.latency.environment import environment, package_versions
from edgegan.reports.waterfall import compression_of
from edgegan.results import TargetResults
from edgegan.runtimes.trt_library import FLAVOURS, why_no_build
from edgegan.targets import why_inexact

SCHEMA = "edgegan.report/2"


def collect_checks(results: TargetResults) -> list[Check]:
    """Every value of a target with its limit and verdict."""
    return _Checks(results).collect()


def make_report(
    name: str, results: list[TargetResults], checks: tuple[Check, ...], packages: tuple[str, ...]
) -> dict[str, Any]:
    """Contents of ``report.json``; ``packages`` are those whose versions it names."""
    return {
        "schema": SCHEMA,
        "name": name,
        "checks": [check.as_json() for check in checks],
        "targets": {result.target.name: _target(result) for result in results},
        "environment": environment().as_json() | {"packages": package_versions(*packages)},
    }


def _target(result: TargetResults) -> dict[str, Any]:
    variant = result.variant
    return {
        "grid": variant.variant.grid.name,
        "rewrites": variant.read("lowered", "lowering")["rewrites"],
        "kept_float": variant.read("emitted")["kept_float"],
        "compressed": compression_of(result),
        "tuned": variant.read("tuned") if "tuned" in variant.folders else None,
        "diagnosis": variant.read("diagnosis"),
        "unavailable": result.unavailable,
        "engines": result.read("engines"),
        "handoff": result.read("handoff"),
        "metrics": [score_of(data).as_json() for data in variant.read("quality")["scores"]],
        "devices": {
            device.label: {
                stage: result.read(stage, device)
                for stage in ("execution", "parity", "latency", "cost")
            }
            for device in result.devices
        },
    }


class _Checks:
    def __init__(self, results: TargetResults) -> None:
        self.results = results
        self.limits = results.variant.resolved.recipe.checks
        self.target = results.target
        self.checks: list[Check] = []

    def collect(self) -> list[Check]:
        """Every value with its limit and verdict."""
        name, variant = self.target.name, self.results.variant
        lowering, grid = variant.read("lowered", "lowering"), variant.variant.grid
        error = lowering["relative_error"]
        self._add(name, "lowering.relative_error", error, "float32, batch 3")
        self._quality(variant.read("quality"))
        sizes = {name: path.stat().st_size for name, path in variant.models().items()}
        bytes_of = f"{sizes[QUANTIZED]} of {sizes[FLOAT]} bytes"
        if variant.variant.weight_bits < 8:
            bits, speed = variant.variant.widths, "int8" if grid.activations else "float"
            bytes_of += (
                f"; weights of {' and '.join(map(str, bits))} bits are smaller, not faster: they run at "
                f"{speed} speed"
            )
        self._add(name, "size.ratio", sizes[QUANTIZED] / sizes[FLOAT], bytes_of)
        for device in self.results.devices:
            self._device(device)
        if not self.results.devices and grid.activations:
            self._unavailable(name, "parity.max_lsb")
        if self.target.processor == "nvidia":
            self._engines(self.results.read("engines"))
        handoff = self.results.read("handoff")
        if handoff is not None and handoff["ort_bytes"] is not None:
            ort = handoff["ort_bytes"]
            self._add(name, "size.ort", ort / sizes[FLOAT], f"{ort} of {sizes[FLOAT]} bytes")
        return self.checks

    def _quality(self, quality: dict[str, Any]) -> None:
        """Every number of the metrics, its interval deciding what is inconclusive."""
        where = self.target.name
        for score in map(score_of, quality["scores"]):
            for number, found in score.numbers.items():
                name = in_report(number)
                if number == "fid" and found.original is not None:
                    self._add(where, FID_OF_ORIGINAL, found.original, score.detail)
                self.checks.append(score.check(number, where, self.limits.gate(where, name), name))

    def _device(self, device: Device) -> None:
        parity, execution = (self.results.read(s, device) for s in ("parity", "execution"))
        assert execution is not None, "every device has it"
        if parity is not None:
            self._parity(device, parity)
        share = execution["int8_mac_share"]
        self._add(device.label, "int8.mac_share", share, "optimized graph")
        latency, cost = (self.results.read(s, device) for s in ("latency", "cost"))
        if latency is not None:
            for name in ("ratio", "ratio_lowered"):
                estimate = Estimate(**latency[name])
                self._add_noisy(device.label, f"latency.{name}", estimate, latency["note"])
            if latency["ratio_half"] is not None:
                half = Estimate(**latency["ratio_half"])
                win = "" if half.low > 1 else "no win: int8 is not faster than fp16; "
                self._add_noisy(device.label, "latency.ratio_half", half, win + latency["note"])
        if cost is not None:
            quantized = cost[QUANTIZED]
            how = "guest instructions of one warm inference, batch 1"
            dot = "" if quantized["dot"] is None else f"; {quantized['dot']} dot products"
            self._add(device.label, "cost.instructions", quantized["instructions"], how + dot)
            self._add(device.label, "cost.ratio", cost["ratio"], f"original float / int8; {how}")

    def _engines(self, built: dict[str, Any] | None) -> None:
        name = self.target.name
        if built is None:
            reason = why_no_build(FLAVOURS[self.target.runtime]) or ""
            self._add(name, "engine.count", 0, f"not built: {reason}", reason)
            return
        engines = built["engines"]
        which = ", ".join(engine["capability"] for engine in engines)
        how = f"{which}; built, {'run' if self.results.devices else 'not run'}"
        refused = "".join(f"; {sm}: {reason}" for sm, reason in built["refused"].items())
        self._add(name, "engine.count", len(engines), how + refused)
        for engine in engines:
            where = f"{name}@{engine['capability']}"
            share = engine["execution"]["int8_mac_share"]
            self._add(where, "int8.mac_share", share, f"as built by {engine['library']}")

    def _parity(self, device: Device, parity: dict[str, Any]) -> None:
        """Bit parity is owed where the CPU adds exactly; elsewhere the reason is given.

        A limit for all targets is widened to what the target's runtime owes.
        """
        variant = self.results.variant.variant
        how = f"{parity['samples']} inputs, {len(parity['tensors'])} quantized tensors"
        if parity["islands"]:
            how += f", {len(parity['islands'])} of them behind float operators"
        where = f"; first difference at {parity['first_difference']}" if parity["max_lsb"] else ""
        if self.target.parity_lsb:
            how += f"; {self.target.name} owes {self.target.parity_lsb} step at each"
        reason = ""
        if device.core is None:
            reason = why_inexact(variant.weight_width, environment().flags)
        values = {"parity.max_lsb": parity["max_lsb"]}
        if parity["islands"] or self.target.parity_lsb:
            values["parity.integer_lsb"] = parity["integer_lsb"]
            values["parity.end_to_end_lsb"] = parity["end_to_end_lsb"]
        for name, value in values.items():
            if not parity["tapped_as_shipped"]:
                self._add_failed(device.label, name, _NOT_AS_SHIPPED)
            else:
                limit = self._widened(device.label, name)
                self._judge(device.label, name, value, how + where, limit, reason)

    def _widened(self, where: str, name: str) -> Limit | None:
        """Limit of a parity check; one that names the target stands as it is."""
        limit, owed = self.limits.gate(where, name), self.target.parity_lsb
        named = any(f"{place}/{name}" in self.limits.gates for place in (where, self.target.name))
        if limit is None or limit.max is None or named:
            return limit
        return Limit(min=limit.min, max=max(limit.max, owed))

    def _add(self, where: str, name: str, value: float, detail: str, excuse: str = "") -> None:
        self._judge(where, name, value, detail, self.limits.gate(where, name), excuse)

    def _judge(
        self,
        where: str,
        name: str,
        value: float,
        detail: str,
        limit: Limit | None,
        excuse: str,
    ) -> None:
        verdict = judge(value, limit)
        if verdict is Verdict.FAIL and excuse:
            verdict, detail = Verdict.INCONCLUSIVE, f"{detail}; {excuse}"
        self.checks.append(Check(name, where, value, limit, verdict, detail))

    def _add_noisy(self, where: str, name: str, estimate: Estimate, detail: str) -> None:
        limit = self.limits.gate(where, name)
        self.checks.append(estimated(estimate, detail).check(name, where, limit))

    def _add_failed(self, where: str, name: str, reason: str) -> None:
        limit = self.limits.gate(where, name)
        self.checks.append(Check(name, where, math.inf, limit, Verdict.FAIL, reason))

    def _unavailable(self, where: str, name: str) -> None:
        """A check that nothing here could run."""
        limit = self.limits.gate(where, name)
        verdict = Verdict.REPORTED if limit is None else Verdict.INCONCLUSIVE
        reason = f"not run: {self.results.unavailable}"
        self.checks.append(Check(name, where, math.nan, limit, verdict, reason))


_NOT_AS_SHIPPED = "the tapped engine does not run as the shipped one, so its tensors prove nothing"
