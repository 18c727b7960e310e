"""NVIDIA's TensorRT packages: the one place that imports them and knows how they differ.

| flavour | package | builds without a GPU | typing |
|---|---|---|---|
| ``tensorrt`` 10.x | ``tensorrt`` | no | strong typing must be asked for |
| ``tensorrt`` 11.x | ``tensorrt`` | no | always strong; the flag is accepted and ignored |
| ``tensorrt-rtx`` 1.x | ``tensorrt_rtx`` | yes, for named compute capabilities | always strong |

``tensorrt-rtx`` 1.7 was run up to the finished engine. ``tensorrt`` 10 and 11 never ran here: their side
is written against NVIDIA's documentation.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

from edgegan.errors import UnavailableError
from edgegan.runtimes.trt_device import gpu_problem


@dataclass(frozen=True)
class Flavour:
    """One of NVIDIA's two inference libraries.

    Attributes:
        name: of the runtime, and of edgegan's extra that installs it.
        module: as imported.
        title: as NVIDIA writes it.
        ahead_of_time: whether it builds on a host without a GPU, for named compute capabilities. It
            then measures no kernels while building (so it has no timing cache) and compiles them when
            the engine is loaded.
    """

    name: str
    module: str
    title: str
    ahead_of_time: bool


TENSORRT = Flavour("tensorrt", "tensorrt", "TensorRT", ahead_of_time=False)
TENSORRT_RTX = Flavour("tensorrt-rtx", "tensorrt_rtx", "TensorRT-RTX", ahead_of_time=True)
FLAVOURS = {flavour.name: flavour for flavour in (TENSORRT, TENSORRT_RTX)}


def why_no_build(flavour: Flavour) -> str | None:
    """Why no engine can be built here, in one sentence; None if one can. Loads nothing large."""
    if importlib.util.find_spec(flavour.module) is None:
        return (
            f"{flavour.title} is not installed: pip install 'edgegan[{flavour.name}]' brings it, under "
            "NVIDIA's own proprietary licence."
        )
    return None if flavour.ahead_of_time else gpu_problem()


def why_unavailable(flavour: Flavour) -> str | None:
    """Why no engine can be run here, in one sentence; None if one can. Loads nothing large."""
    return why_no_build(flavour) or gpu_problem()


def load_library(flavour: Flavour) -> Any:
    """The Python module.

    Raises:
        UnavailableError: if it, or one of NVIDIA's libraries behind it, is not there.
    """
    reason = why_no_build(flavour)
    if reason:
        raise UnavailableError(reason)
    try:
        return importlib.import_module(flavour.module)
    except (ImportError, OSError) as error:
        detail = " ".join(str(error).split())[:200]
        raise UnavailableError(
            f"{flavour.title} is installed but does not load ({detail}); reinstall it with "
            f"pip install --force-reinstall 'edgegan[{flavour.name}]'."
        ) from None


def make_log(library: Any) -> Any:
    """A logger that keeps every message, as (severity, text), in ``messages``."""

    class Log(library.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            library.ILogger.__init__(self)
            self.messages: list[tuple[str, str]] = []

        def log(self, severity: Any, text: str) -> None:
            self.messages.append((severity.name, text))

    return Log()


def create_network(library: Any, builder: Any) -> Any:
    """An empty network whose types are those of the ONNX model, on every version."""
    return builder.create_network(1 << int(library.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
