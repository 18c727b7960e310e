"""What executes a target here: this machine, or an emulated core where it is of another kind."""

from __future__ import annotations

import platform
from dataclasses import dataclass

from edgegan.emulation.cores import find_core
from edgegan.emulation.machine import EmulatedRuntime, emulator_missing
from edgegan.latency.environment import Environment, environment
from edgegan.runtimes import openvino
from edgegan.runtimes.base import Runtime
from edgegan.runtimes.find import runtime_for
from edgegan.runtimes.trt_library import FLAVOURS, why_unavailable
from edgegan.targets import Target

_PROCESSORS = {"x86_64": "x86-64", "amd64": "x86-64", "aarch64": "aarch64", "arm64": "aarch64"}
_AVX2_CORE = "x86-avx2"


@dataclass(frozen=True)
class Device:
    """Something that executes a target's models.

    Attributes:
        target: what it stands for.
        core: name of the emulated core; None for this machine.
    """

    target: Target
    core: str | None = None

    @property
    def label(self) -> str:
        return self.target.name if self.core is None else f"{self.target.name}@{self.core}"

    def stage(self, name: str) -> str:
        """Name of a stage that runs on it."""
        return name if self.core is None else f"{name}@{self.core}"

    def key(self) -> object:
        """What its results depend on: the machine, or the emulated core and what runs on it."""
        if self.core is None:
            return [environment().key(), self.runtime().versions()]
        return [self.core, self.runtime().versions()]

    def runtime(self) -> Runtime:
        """Executes on it."""
        if self.core is None:
            return runtime_for(self.target)
        return EmulatedRuntime(find_core(self.core))


def devices_for(
    target: Target, cores: tuple[str, ...], here: Environment
) -> tuple[tuple[Device, ...], str]:
    """Devices that can execute ``target`` here.

    Args:
        cores: aarch64 cores to emulate.

    Returns:
        The devices, and why there is none (empty where there is one).
    """
    reason = why_not_native(target, here)
    if not reason:
        return (Device(target),), ""
    if target.processor == "aarch64":
        wanted = cores
    elif target.absent_cpu_flags and _processor() == target.processor:
        wanted = (_AVX2_CORE,)
    else:
        return (), reason
    missing = emulator_missing()
    if missing:
        return (), f"{reason}; {missing}"
    return tuple(Device(target, core) for core in wanted), ""


def why_not_native(target: Target, here: Environment) -> str:
    """Why this machine is not one of the target's; empty where it is."""
    if target.processor == "nvidia":
        return why_unavailable(FLAVOURS[target.runtime]) or ""
    if _processor() != target.processor:
        return f"this machine is {_processor()}, not {target.processor}"
    present = set(target.absent_cpu_flags) & set(here.flags)
    if present:
        return f"this processor has {', '.join(sorted(present))}, which {target.name} is without"
    return openvino.why_unavailable() if target.runtime == "openvino" else ""


def _processor() -> str:
    machine = platform.machine().lower()
    return _PROCESSORS.get(machine, machine or "unknown")
