"""`edgegan doctor`: what runs on this machine, and why the rest does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgegan.emulation.cores import CORES
from edgegan.emulation.machine import emulator_missing
from edgegan.latency.environment import Environment, environment, package_versions
from edgegan.targets import TARGETS

SCHEMA = "edgegan.doctor/1"
EXPORT_PACKAGES = ("torch", "torchvision", "onnxscript", "onnx-ir", "safetensors", "pytorch-fid")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: of a target or capability.
        available: whether it works here.
        detail: with what, or why not and what to do.
    """

    name: str
    available: bool
    detail: str


def diagnose() -> tuple[Environment, list[Finding]]:
    """Look at the machine; nothing is loaded that takes long."""
    here = environment()
    missing = [name for name in EXPORT_PACKAGES if not package_versions(name)]
    findings = [
        Finding(
            "export",
            not missing,
            f"missing {', '.join(missing)}: pip install 'edgegan[export]'"
            if missing
            else ", ".join(f"{k} {v}" for k, v in package_versions(*EXPORT_PACKAGES).items()),
        )
    ]
    for target in TARGETS.values():
        exact = set(target.exact_cpu_flags) & set(here.flags)
        detail = f"ONNX Runtime {here.packages.get('onnxruntime')}, "
        detail += (
            f"bit-exact ({', '.join(sorted(exact))})"
            if exact
            else f"runs, but not bit-exactly: the CPU has no {' or '.join(target.exact_cpu_flags)}"
        )
        findings.append(Finding(target.name, True, detail))
    why_not = emulator_missing()
    findings.append(Finding("emulation", why_not is None, why_not or f"cores: {', '.join(CORES)}"))
    return here, findings


def as_json(here: Environment, findings: list[Finding]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "environment": here.as_json(),
        "findings": [vars(finding) for finding in findings],
    }
