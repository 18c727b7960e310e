"""From a target to the runtime that executes it."""

from __future__ import annotations

from edgegan.runtimes.base import Runtime
from edgegan.runtimes.ort import OrtRuntime
from edgegan.targets import Target

_RUNTIMES = {"ort": OrtRuntime}


def runtime_for(target: Target) -> Runtime:
    """The target's runtime."""
    return _RUNTIMES[target.runtime]()
