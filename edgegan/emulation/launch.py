"""One run of the guest script on an emulated core: command line, files of the machine, errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from edgegan.emulation.cores import Core, cpuinfo
from edgegan.emulation.root import REMEDY, Installed
from edgegan.errors import BundleError, EdgeganError, UnavailableError
from edgegan.runtimes.base import Tensors

_SCRIPT = Path(__file__).with_name("guest.py")
_TOPOLOGY = ("physical_package_id", "cluster_cpus_list", "core_siblings_list")
_INHERITED = ("PATH", "HOME", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class Job:
    """What a guest is to do.

    Attributes:
        model: path, or the model's bytes.
        inputs: ``[N, ...]`` by name, run one sample after the other; None only loads the model.
        outputs: names; None for all.
        threads: of an operator.
        optimize: whether to save the optimized graph.
        count: whether to count instructions.
    """

    model: Path | bytes
    inputs: Tensors | None = None
    outputs: Sequence[str] | None = None
    threads: int = 1
    optimize: bool = False
    count: bool = False


@dataclass(frozen=True)
class Done:
    """What a guest did.

    Attributes:
        outputs: ``[N, ...]`` by name; empty without inputs.
        optimized: the optimized graph, if asked for.
        counts: the counter's lines, if asked for.
    """

    outputs: dict[str, NDArray[Any]]
    optimized: onnx.ModelProto | None
    counts: str


def launch(core: Core, machine: Installed, job: Job) -> Done:
    """Run the job in a process of its own.

    Raises:
        BundleError: if ONNX Runtime refuses the model or its inputs.
        UnavailableError: if instructions are to be counted and there is no counter.
        EdgeganError: if the emulated process breaks down.
    """
    if job.count and not machine.counter.is_file():
        raise UnavailableError(
            "instructions cannot be counted: there was no C compiler when the emulated machine was "
            f"made; install one, then: {REMEDY} --again"
        )
    with tempfile.TemporaryDirectory(prefix="edgegan-") as temporary:
        folder = Path(temporary).resolve()
        _write(job, folder)
        counts = folder / "counts.txt"
        with _overlay(core, machine, folder / "root") as root:
            line = command(core, machine, root, folder, counts if job.count else None)
            result = subprocess.run(
                line, capture_output=True, text=True, check=False, env=_environment(core, machine)
            )
        error = folder / "error.txt"
        if error.is_file():
            where = "the model" if isinstance(job.model, bytes) else str(job.model)
            raise BundleError(
                f"ONNX Runtime on an emulated {core.name} cannot run {where}: {error.read_text()}"
            )
        if result.returncode:
            lines = result.stderr.strip().splitlines()
            raise EdgeganError(
                f"the emulated {core.name} broke down ({lines[-1] if lines else 'no message'}); "
                f"if it does so again, make the machine again with: {REMEDY} --again"
            )
        optimized = onnx.load(folder / "optimized.onnx") if job.optimize else None
        return Done(_outputs(folder), optimized, counts.read_text() if job.count else "")


def command(
    core: Core, machine: Installed, root: Path | None, folder: Path, counts: Path | None
) -> list[str]:
    """The command line; QEMU is started by its own loader, so that the host's C library is no matter.

    Args:
        root: what the guest shall see as ``/``; None on x86-64, which sees the host's.
        folder: of the job.
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
    return [*line, str(python), str(_SCRIPT), str(folder)]


def _environment(core: Core, machine: Installed) -> dict[str, str]:
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


@contextmanager
def _overlay(core: Core, machine: Installed, root: Path) -> Iterator[Path | None]:
    """What the guest sees as ``/``: the machine's files, and a processor of the core's kind.

    QEMU looks every absolute path up there first and on the host otherwise. QEMU 10 makes a
    ``/proc/cpuinfo`` of its own; 7.2, which is installed, shows the host's.
    """
    if core.architecture != "aarch64":
        yield None
        return
    processor = root / "sys/devices/system/cpu"
    (root / "proc").mkdir(parents=True)
    (processor / "cpu0/topology").mkdir(parents=True)
    for part in machine.guest.iterdir():
        (root / part.name).symlink_to(part.resolve())
    (root / "proc/cpuinfo").write_text(cpuinfo(core))
    for name in ("possible", "present", "online", *(f"cpu0/topology/{t}" for t in _TOPOLOGY)):
        (processor / name).write_text("0\n")
    yield root


def _write(job: Job, folder: Path) -> None:
    model = folder / "model.onnx" if isinstance(job.model, bytes) else job.model.resolve()
    if isinstance(job.model, bytes):
        model.write_bytes(job.model)
    inputs = folder / "inputs.npz"
    if job.inputs is not None:
        np.savez(inputs, allow_pickle=False, **job.inputs)
    document = {
        "model": str(model),
        "inputs": str(inputs) if job.inputs is not None else None,
        "outputs": list(job.outputs) if job.outputs is not None else None,
        "threads": job.threads,
        "optimized": str(folder / "optimized.onnx") if job.optimize else None,
    }
    (folder / "job.json").write_text(json.dumps(document))


def _outputs(folder: Path) -> dict[str, NDArray[Any]]:
    path = folder / "outputs.npz"
    if not path.is_file():
        return {}
    with np.load(path, allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


def _escaped(path: Path) -> str:
    """A comma separates options in QEMU's arguments; doubled, it is one."""
    return str(path).replace(",", ",,")
