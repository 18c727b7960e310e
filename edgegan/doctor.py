"""`edgegan doctor`: what runs on this machine, and why the rest does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgegan.devices import devices_for
from edgegan.emulation.cores import AARCH64_CORES, CORES
from edgegan.emulation.machine import emulator_missing
from edgegan.latency.environment import Environment, environment, package_versions
from edgegan.runtimes.trt_library import FLAVOURS, why_no_build
from edgegan.targets import TARGETS, Target, why_inexact

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
    why_not = emulator_missing()
    findings.append(Finding("emulation", why_not is None, why_not or f"cores: {', '.join(CORES)}"))
    findings += [_target(target, here) for target in TARGETS.values()]
    return here, findings


def _target(target: Target, here: Environment) -> Finding:
    devices, reason = devices_for(target, tuple(AARCH64_CORES), here)
    if not devices and target.runtime in FLAVOURS and not why_no_build(FLAVOURS[target.runtime]):
        return Finding(target.name, True, f"engines are built, not run: {reason}")
    if not devices:
        return Finding(target.name, False, f"models are emitted, not run: {reason}")
    if devices[0].core is not None:
        cores = ", ".join(str(device.core) for device in devices)
        return Finding(target.name, True, f"emulated on {cores}")
    versions = ", ".join(f"{k} {v}" for k, v in devices[0].runtime().versions().items())
    exact = f"within {target.parity_lsb} step" if target.parity_lsb else "bit-exact"
    inexact = "" if target.processor == "nvidia" else why_inexact(8, here.flags)
    return Finding(target.name, True, f"{versions}; {inexact or exact}")


def as_json(here: Environment, findings: list[Finding]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "environment": here.as_json(),
        "findings": [vars(finding) for finding in findings],
    }
