"""One job of a guest on an emulated core: what it is given, what it did, its errors."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from edgegan.emulation.command import command, environment, overlay
from edgegan.emulation.cores import Core
from edgegan.emulation.guests import breakdown, guest_of
from edgegan.emulation.root import REMEDY, Installed
from edgegan.errors import BundleError, UnavailableError
from edgegan.runtimes.base import Tensors


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
    """Run the job: in a process of its own if instructions are counted, else in the core's guest.

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
        if job.count:
            _run_alone(core, machine, folder, counts)
        else:
            guest_of(core, machine).run(folder)
        error = folder / "error.txt"
        if error.is_file():
            where = "the model" if isinstance(job.model, bytes) else str(job.model)
            raise BundleError(
                f"ONNX Runtime on an emulated {core.name} cannot run {where}: {error.read_text()}"
            )
        optimized = onnx.load(folder / "optimized.onnx") if job.optimize else None
        return Done(_outputs(folder), optimized, counts.read_text() if job.count else "")


def _run_alone(core: Core, machine: Installed, folder: Path, counts: Path) -> None:
    """Counts are the same only in a process that has done nothing before."""
    line = command(core, machine, overlay(core, machine, folder / "root"), str(folder), counts)
    result = subprocess.run(
        line, capture_output=True, text=True, check=False, env=environment(core, machine)
    )
    if result.returncode and not (folder / "error.txt").is_file():
        raise breakdown(core, result.stderr)


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
