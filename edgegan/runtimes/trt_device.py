"""The GPU and its memory, through NVIDIA's ``cuda-bindings``: the one place that imports them.

They are the lightest way to device memory: no compiler, no torch, and the same CUDA runtime API that
TensorRT's documentation uses. Apart from ``gpu_problem``, nothing here ever ran on a GPU.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgegan.errors import BundleError, UnavailableError


@dataclass(frozen=True)
class Gpu:
    """The first GPU of this machine.

    Attributes:
        name: as the driver gives it.
        capability: e.g. ``sm89``.
    """

    name: str
    capability: str


def gpu_problem() -> str | None:
    """Why there is no GPU to work on, in one sentence; None if there is one."""
    if importlib.util.find_spec("cuda") is None or not importlib.util.find_spec("cuda.bindings"):
        return "the GPU cannot be reached without cuda-bindings: pip install cuda-bindings."
    try:
        from cuda.bindings import runtime
    except (ImportError, OSError, RuntimeError) as error:
        return f"cuda-bindings is installed but does not load ({error}); install it anew."
    status, count = runtime.cudaGetDeviceCount()
    if status != runtime.cudaError_t.cudaSuccess:
        text = runtime.cudaGetErrorString(status)[1].decode()
        return f"there is no NVIDIA GPU with a working driver here (CUDA says: {text})."
    return None if count else "there is no NVIDIA GPU here."


def local_gpu() -> Gpu:
    """The GPU that engines are built for and run on.

    Raises:
        UnavailableError: if there is none.
    """
    reason = gpu_problem()
    if reason:
        raise UnavailableError(reason)
    properties = _call("cudaGetDeviceProperties", 0)
    return Gpu(properties.name.decode(), f"sm{properties.major}{properties.minor}")


class Stream:
    """A CUDA stream with the device memory that its work reads and writes, by tensor name."""

    def __init__(self) -> None:
        self.handle = int(_call("cudaStreamCreate"))
        self._memory: dict[str, tuple[int, int]] = {}

    def reserve(self, name: str, size: int) -> int:
        """Address of at least ``size`` bytes that stay ``name``'s until it asks for more."""
        address, capacity = self._memory.get(name, (0, 0))
        if capacity < size:
            if address:
                _call("cudaFree", address)
            address = int(_call("cudaMalloc", size))
            self._memory[name] = (address, size)
        return address

    def upload(self, name: str, array: NDArray[Any]) -> int:
        """Copy a contiguous array to the device; returns its address there."""
        address = self.reserve(name, max(array.nbytes, 1))
        self._copy(address, array.ctypes.data, array.nbytes, "cudaMemcpyHostToDevice")
        return address

    def download(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Copy to a new array, which is complete after ``wait``."""
        array = np.empty(shape, dtype)
        address, _ = self._memory[name]
        self._copy(array.ctypes.data, address, array.nbytes, "cudaMemcpyDeviceToHost")
        return array

    def wait(self) -> None:
        _call("cudaStreamSynchronize", self.handle)

    def close(self) -> None:
        """Give the memory and the stream back."""
        for address, _ in self._memory.values():
            _call("cudaFree", address)
        self._memory.clear()
        _call("cudaStreamDestroy", self.handle)

    def _copy(self, target: int, source: int, size: int, direction: str) -> None:
        from cuda.bindings import runtime

        kind = getattr(runtime.cudaMemcpyKind, direction)
        _call("cudaMemcpyAsync", target, source, size, kind, self.handle)


def _call(name: str, *arguments: Any) -> Any:
    """Call a function of the CUDA runtime; its only result, or None."""
    from cuda.bindings import runtime

    status, *results = getattr(runtime, name)(*arguments)
    if status != runtime.cudaError_t.cudaSuccess:
        text = runtime.cudaGetErrorString(status)[1].decode()
        raise BundleError(f"the GPU failed in {name}: {text}.")
    return results[0] if results else None
