"""The report: every check with its verdict, and what they were made from."""

from __future__ import annotations

import math
from typing import Any

from edgegan.checks.check import Check, Limit, Verdict, judge, judge_estimate
from edgegan.checks.speed import FLOAT, QUANTIZED
from edgegan.latency.confidence import Estimate
from edgegan.latency.environment import environment, package_versions
from edgegan.results import TargetResults

SCHEMA = "edgegan.report/1"


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
        "targets": {
            result.target.name: {
                "rewrites": result.read("lowered", "lowering.json")["rewrites"],
                "execution": result.read("emitted", "execution.json"),
                "parity": {
                    key: value if not isinstance(value, float) or math.isfinite(value) else None
                    for key, value in result.read("parity", "parity.json").items()
                },
                "latency": result.read("latency", "latency.json"),
                "diagnosis": result.read("diagnosis", "diagnosis.json"),
            }
            for result in results
        },
        "environment": environment().as_json() | {"packages": package_versions(*packages)},
    }


class _Checks:
    def __init__(self, results: TargetResults) -> None:
        self.results = results
        self.gates = results.resolved.recipe.checks.gates
        self.target = results.target

    def collect(self) -> list[Check]:
        """Every value with its limit and verdict."""
        lowering = self.results.read("lowered", "lowering.json")
        parity = self.results.read("parity", "parity.json")
        latency = self.results.read("latency", "latency.json")
        execution = self.results.read("emitted", "execution.json")
        sizes = {name: path.stat().st_size for name, path in self.results.models().items()}
        checks = [
            self._check("lowering.relative_error", lowering["relative_error"], "float32, batch 3"),
            self._parity_check(parity),
            self._check("parity.psnr_db", parity["psnr_db"], f"{parity['samples']} latents"),
        ]
        if "quality" in self.results.folders:
            quality = self.results.read("quality", "quality.json")
            how = f"{quality['features']}, {quality['samples']} samples, seed {quality['seed']}"
            real = f"{how}, against {quality['reference']}"
            checks.append(self._check("qfid", quality["qfid"], how))
            if quality["fid_float"] is not None:
                checks += [
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
        return self.gates.get(name)

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


def _head(check: Check) -> tuple[str, str, float, Limit | None]:
    return check.name, check.target, check.value, check.limit
