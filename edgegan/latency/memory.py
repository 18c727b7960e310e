"""Load time and peak memory of one model, in processes of its own.

``python -m edgegan.latency.memory MODEL TARGET THREADS INPUTS`` prints one JSON object. A process is needed
because the peak of a process never falls again, and because what loads a model for the first time is
what a user waits for.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgegan.errors import BundleError
from edgegan.generators.contract import InputSpec


@dataclass(frozen=True)
class Footprint:
    """Cost of having a model loaded, one number a process.

    Attributes:
        load_ms: from the file to a session ready to run.
        peak_bytes: peak resident memory of loading and running it, above the bare runtime's.
    """

    load_ms: tuple[float, ...]
    peak_bytes: tuple[int, ...]

    def as_json(self) -> dict[str, float | int]:
        """Medians."""
        return {
            "load_ms": statistics.median(self.load_ms),
            "peak_bytes": round(statistics.median(self.peak_bytes)),
        }


def footprint(
    model: Path,
    target: str,
    inputs: tuple[InputSpec, ...],
    threads: int,
    batch: int,
    processes: int = 1,
) -> Footprint:
    """Measure in fresh processes, one after the other, on the runtime of the target of this name.

    Raises:
        BundleError: if the model cannot be loaded or run there.
    """
    zeros = json.dumps({spec.name: ([batch, *spec.shape], spec.dtype) for spec in inputs})
    module = [sys.executable, "-m", "edgegan.latency.memory"]
    command = [*module, str(model), target, str(threads), zeros]
    measured = [_measure(model, command) for _ in range(processes)]
    return Footprint(
        load_ms=tuple(one["load_ms"] for one in measured),
        peak_bytes=tuple(one["peak_bytes"] for one in measured),
    )


def _measure(model: Path, command: list[str]) -> dict[str, Any]:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        lines = result.stderr.strip().splitlines()
        raise BundleError(f"{model} cannot be run: {lines[-1] if lines else 'no message'}")
    measured: dict[str, Any] = json.loads(result.stdout)
    return measured


def _peak_bytes() -> int:
    """VmHWM where there is a /proc: ``ru_maxrss`` may start from the parent's peak there."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def _main(model: str, target: str, threads: str, zeros: str) -> None:
    from edgegan.runtimes.find import runtime_for
    from edgegan.targets import find_target

    runtime = runtime_for(find_target(target))
    runtime.versions()  # loads its library
    bare = _peak_bytes()
    start = time.perf_counter()
    engine = runtime.load(Path(model), int(threads))
    load_ms = (time.perf_counter() - start) * 1e3
    inputs = {name: np.zeros(*value) for name, value in json.loads(zeros).items()}
    for _ in range(3):
        engine.run(inputs)
    print(json.dumps({"load_ms": load_ms, "peak_bytes": max(0, _peak_bytes() - bare)}))


if __name__ == "__main__":
    _main(*sys.argv[1:5])
