"""A runtime whose processor is emulated: the real ONNX Runtime of that processor, and its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
from numpy.typing import NDArray

from edgegan.emulation.cores import Core
from edgegan.emulation.launch import Job, launch
from edgegan.emulation.root import Installed, emulation_folder, find_installed
from edgegan.errors import UnavailableError
from edgegan.runtimes.base import ExecutionMap, Tensors
from edgegan.runtimes.ort import execution_map_of


def find_emulator() -> Installed:
    """The emulated machine of this user; only looks, starts nothing.

    Raises:
        UnavailableError: if there is none that fits, with the remedy.
    """
    return find_installed(emulation_folder())


def emulator_missing() -> str | None:
    """Why nothing can be emulated here, as a sentence; None where it can."""
    try:
        find_emulator()
    except UnavailableError as error:
        return str(error)
    return None


class EmulatedEngine:
    """A model that is loaded anew by each ``run``, in the core's guest, which takes 2 to 5 s to start."""

    def __init__(self, core: Core, machine: Installed, model: Path | bytes, threads: int) -> None:
        self._core = core
        self._machine = machine
        self._model = model
        self._threads = threads

    def run(self, inputs: Tensors, outputs: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        """Execute the samples of a batch one by one, as deployed.

        Raises:
            BundleError: if ONNX Runtime refuses the model or its inputs.
        """
        job = Job(self._model, inputs, outputs, self._threads)
        return launch(self._core, self._machine, job).outputs


class EmulatedRuntime:
    """ONNX Runtime on an emulated core: the same results as on the real one, at a cost in time.

    Args:
        core: see ``edgegan.emulation.cores``.

    Raises:
        UnavailableError: if no emulated machine is set up.
    """

    def __init__(self, core: Core) -> None:
        self.name = f"ort-{core.name}"
        self._core = core
        self._machine = find_emulator()

    def load(self, model: Path | bytes, threads: int = 1) -> EmulatedEngine:
        """Prepare an engine; the process of ``run`` loads the model, so refusals come from there."""
        return EmulatedEngine(self._core, self._machine, model, threads)

    def execution_map(self, model: Path | bytes) -> ExecutionMap:
        """How the layers run on this core: ONNX Runtime optimizes for the processor it is on."""
        optimized = launch(self._core, self._machine, Job(model, optimize=True)).optimized
        assert optimized is not None
        source = onnx.load_from_string(model) if isinstance(model, bytes) else onnx.load(model)
        return execution_map_of(source, optimized)

    def versions(self) -> dict[str, str]:
        arm = self._core.architecture == "aarch64"
        version = self._machine.onnxruntime if arm else onnxruntime.__version__
        return {"onnxruntime": version, "qemu": self._machine.qemu, "core": self._core.name}
