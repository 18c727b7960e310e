"""From a target to the runtime that executes it on this machine."""

from __future__ import annotations

from edgegan.runtimes.base import Runtime
from edgegan.runtimes.openvino import OpenVinoRuntime, why_unavailable
from edgegan.runtimes.ort import OrtRuntime
from edgegan.runtimes.trt import TensorRtRuntime
from edgegan.runtimes.trt_library import FLAVOURS
from edgegan.runtimes.trt_options import BatchProfile, BuildOptions
from edgegan.targets import Grid, Target

_ANY_BATCH = BatchProfile(1, 1, 64)
"""Of engines that checks run: they go in batches."""


def executor_of(grid: Grid) -> Runtime | None:
    """The runtime for CPUs with integer kernels for a grid; None where there is none here."""
    if grid.executor == "openvino":
        return None if why_unavailable() else OpenVinoRuntime()
    return OrtRuntime() if grid.executor == "ort" else None


def runtime_for(target: Target) -> Runtime:
    """The target's runtime."""
    if target.runtime == "ort":
        return OrtRuntime()
    if target.runtime == "openvino":
        return OpenVinoRuntime()
    return TensorRtRuntime(FLAVOURS[target.runtime], BuildOptions(batch=_ANY_BATCH))
