"""How a guest is started: command line, environment, and the files that it sees."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from edgegan.emulation.cores import Core, cpuinfo
from edgegan.emulation.root import Installed

_SCRIPT = Path(__file__).with_name("guest.py")
_TOPOLOGY = ("physical_package_id", "cluster_cpus_list", "core_siblings_list")
_INHERITED = ("PATH", "HOME", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH")


def command(
    core: Core, machine: Installed, root: Path | None, task: str, counts: Path | None = None
) -> list[str]:
    """The command line; QEMU is started by its own loader, so that the host's C library is no matter.

    Args:
        root: what the guest shall see as ``/``; None on x86-64, which sees the host's.
        task: the guest script's argument.
        counts: where the counter writes; None for no counter.
    """
    arm = core.architecture == "aarch64"
    libraries = f"{machine.libraries}:{machine.folder / 'qemu/usr/lib/x86_64-linux-gnu'}"
    line = [str(machine.libraries / "ld-linux-x86-64.so.2"), "--library-path", libraries]
    line += [str(machine.emulator("qemu-aarch64" if arm else "qemu-x86_64")), "-cpu", core.qemu_cpu]
    if root:
        line += ["-L", str(root)]
    if counts:
        line += ["-plugin", f"{_escaped(machine.counter)},out={_escaped(counts)}"]
    python = machine.guest_python if arm else sys.executable
    return [*line, str(python), str(_SCRIPT), task]


def environment(core: Core, machine: Installed) -> dict[str, str]:
    """As little as possible: what is in the environment moves the stack, and with it the counts."""
    fixed = {
        "LC_ALL": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }
    if core.architecture == "aarch64":
        return fixed | {"PYTHONPATH": str(machine.guest / "site"), "PYTHONNOUSERSITE": "1"}
    return {name: os.environ[name] for name in _INHERITED if name in os.environ} | fixed


def overlay(core: Core, machine: Installed, root: Path) -> Path | None:
    """Make what the guest sees as ``/``: the machine's files, and a processor of the core's kind.

    QEMU looks every absolute path up there first and on the host otherwise. QEMU 10 makes a
    ``/proc/cpuinfo`` of its own; 7.2, which is installed, shows the host's.
    """
    if core.architecture != "aarch64":
        return None
    processor = root / "sys/devices/system/cpu"
    (root / "proc").mkdir(parents=True)
    (processor / "cpu0/topology").mkdir(parents=True)
    for part in machine.guest.iterdir():
        (root / part.name).symlink_to(part.resolve())
    (root / "proc/cpuinfo").write_text(cpuinfo(core))
    for name in ("possible", "present", "online", *(f"cpu0/topology/{t}" for t in _TOPOLOGY)):
        (processor / name).write_text("0\n")
    return root


def _escaped(path: Path) -> str:
    """A comma separates options in QEMU's arguments; doubled, it is one."""
    return str(path).replace(",", ",,")
