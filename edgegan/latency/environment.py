"""Where a number was measured: processor, threads, versions."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

_RELEVANT_FLAGS = (
    "avx2", "fma", "avx512f", "avx512bw", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8",
    "asimd", "asimddp", "i8mm", "sve", "sme",
)  # fmt: skip


@dataclass(frozen=True)
class Environment:
    """The machine and the software.

    Attributes:
        cpu: its model name.
        flags: instruction sets that matter to integer kernels, as Linux names them.
        cores: that this process may use.
        system, python: names and versions.
        packages: versions of what executes and measures.
    """

    cpu: str
    flags: tuple[str, ...]
    cores: int
    system: str
    python: str
    packages: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"flags": list(self.flags)}

    def key(self) -> str:
        """What a baseline must share to be comparable."""
        return f"{self.cpu}|{','.join(self.flags)}|{self.packages.get('onnxruntime', '')}"


def environment() -> Environment:
    """Describe this machine. Unknown things are named so, never guessed."""
    info = _cpu_info()
    model = next((info[k] for k in ("model name", "Hardware", "CPU part") if k in info), None)
    flags = set((info.get("flags") or info.get("Features") or "").split())
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return Environment(
        cpu=model or platform.processor() or platform.machine() or "unknown",
        flags=tuple(flag for flag in _RELEVANT_FLAGS if flag in flags),
        cores=cores,
        system=f"{platform.system()} {platform.machine()}",
        python=".".join(str(part) for part in sys.version_info[:3]),
        packages=package_versions("edgegan", "onnxruntime", "onnx", "numpy"),
    )


def package_versions(*names: str) -> dict[str, str]:
    """Installed versions; packages that are not installed are left out."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _cpu_info() -> dict[str, str]:
    """The first processor of /proc/cpuinfo, or nothing where there is no such file."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return {}
    info: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        info.setdefault(key.strip(), value.strip())
    return info
