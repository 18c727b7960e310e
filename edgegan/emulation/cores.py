"""The processors that can be emulated, as data.

ONNX Runtime asks its processor twice which instructions it has: by the kernel's hardware capabilities
(which QEMU answers) and by ``/proc/cpuinfo`` (where QEMU 7.2 shows the host's). Both answers must be of
one processor: an x86 file crashes its detection, and the part number of a core with dot products on one
without them makes it execute instructions that are not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator

from edgegan.errors import UsageError

_ARM = 0x41
_ARMV8 = ("fp", "asimd", "evtstrm", "aes", "pmull", "sha1", "sha2", "crc32", "cpuid")
_ARMV8_2 = (*_ARMV8, "atomics", "fphp", "asimdhp", "asimdrdm", "lrcpc", "dcpop", "asimddp")


@dataclass(frozen=True)
class Core:
    """A processor core.

    Attributes:
        name: as users say it.
        architecture: which QEMU and which ONNX Runtime.
        qemu_cpu: value of QEMU's ``-cpu``.
        description: for people.
        part, variant: of Arm's main identification register; 0 on x86-64.
        features: as Linux lists them in ``/proc/cpuinfo``; empty on x86-64, where ``cpuid`` tells.
    """

    name: str
    architecture: Literal["aarch64", "x86-64"]
    qemu_cpu: str
    description: str
    part: int = 0
    variant: int = 0
    features: tuple[str, ...] = ()


CORES: dict[str, Core] = {
    core.name: core
    for core in (
        Core("cortex-a53", "aarch64", "cortex-a53", "Armv8.0: Raspberry Pi 3 and Zero 2, small "
             "cores of many phones; no dot product", 0xD03, 0, _ARMV8),
        Core("cortex-a72", "aarch64", "cortex-a72", "Armv8.0: Raspberry Pi 4; no dot product",
             0xD08, 0, _ARMV8),
        Core("cortex-a76", "aarch64", "cortex-a76", "Armv8.2: Raspberry Pi 5; dot product",
             0xD0B, 4, _ARMV8_2),
        Core("i8mm", "aarch64", "max,sve=off,sme=off", "Armv8.6 and later: dot product and 8-bit "
             "matrix product, as in recent phones", 0xD4F, 0, (*_ARMV8_2, "i8mm", "bf16")),
        Core("x86-avx2", "x86-64", "max", "x86-64 with AVX2 and without VNNI: 8-bit products "
             "saturate in 16-bit sums"),
    )
}  # fmt: skip


AARCH64_CORES = tuple(core.name for core in CORES.values() if core.architecture == "aarch64")
"""Those that stand for ARM64 devices."""


def _known(value: str) -> str:
    if value not in AARCH64_CORES:
        raise ValueError(f"unknown core; known cores: {', '.join(AARCH64_CORES)}")
    return value


CoreName = Annotated[str, AfterValidator(_known)]
"""An aarch64 core, in recipes and gates."""


def find_core(name: str) -> Core:
    """The core of this name.

    Raises:
        UsageError: if there is none.
    """
    if name not in CORES:
        raise UsageError(f"core {name!r} is unknown; known cores: {', '.join(CORES)}.")
    return CORES[name]


def cpuinfo(core: Core) -> str:
    """``/proc/cpuinfo`` of a machine with one such Arm core."""
    fields = {
        "processor\t": "0",
        "BogoMIPS\t": "50.00",
        "Features\t": " ".join(core.features),
        "CPU implementer\t": f"{_ARM:#04x}",
        "CPU architecture": "8",
        "CPU variant\t": f"{core.variant:#x}",
        "CPU part\t": f"{core.part:#05x}",
        "CPU revision\t": "0",
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items()) + "\n"
