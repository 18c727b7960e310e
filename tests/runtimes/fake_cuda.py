"""Stand-ins for a GPU: a CUDA runtime on host memory, and a TensorRT whose engines double their input.

They show that edgegan calls in the documented order with the documented arguments; they are no evidence
that a GPU agrees.
"""

from __future__ import annotations

import ctypes
import enum
import sys
import types
from importlib.machinery import ModuleSpec
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

PLAN = b"plan"
MAX_BATCH = 4


class Status(enum.Enum):
    cudaSuccess = 0  # noqa: N815
    cudaErrorMemoryAllocation = 2  # noqa: N815


class FakeCuda(types.ModuleType):
    """The functions of ``cuda.bindings.runtime`` that edgegan calls. Copies happen at the wait."""

    cudaError_t = Status  # noqa: N815
    cudaMemcpyKind = SimpleNamespace(  # noqa: N815
        cudaMemcpyHostToDevice="up", cudaMemcpyDeviceToHost="down"
    )

    def __init__(self, capacity: int = 1 << 20) -> None:
        super().__init__("cuda.bindings.runtime")
        self.capacity = capacity
        self.memory: dict[int, Any] = {}
        self.streams = 0
        self.pending: list[Any] = []

    def cudaGetDeviceCount(self) -> tuple[Any, ...]:  # noqa: N802
        return Status.cudaSuccess, 1

    def cudaGetDeviceProperties(self, device: int) -> tuple[Any, ...]:  # noqa: N802
        return Status.cudaSuccess, SimpleNamespace(name=b"Fake GPU 1", major=8, minor=9)

    def cudaGetErrorString(self, status: Status) -> tuple[Any, ...]:  # noqa: N802
        return Status.cudaSuccess, status.name.encode()

    def cudaStreamCreate(self) -> tuple[Any, ...]:  # noqa: N802
        self.streams += 1
        return Status.cudaSuccess, 77

    def cudaStreamDestroy(self, stream: int) -> tuple[Any, ...]:  # noqa: N802
        self.streams -= 1
        return (Status.cudaSuccess,)

    def cudaStreamSynchronize(self, stream: int) -> tuple[Any, ...]:  # noqa: N802
        for work in self.pending:
            work()
        self.pending.clear()
        return (Status.cudaSuccess,)

    def cudaMalloc(self, size: int) -> tuple[Any, ...]:  # noqa: N802
        if size > self.capacity:
            return Status.cudaErrorMemoryAllocation, None
        block = ctypes.create_string_buffer(size)
        self.memory[ctypes.addressof(block)] = block
        return Status.cudaSuccess, ctypes.addressof(block)

    def cudaFree(self, address: int) -> tuple[Any, ...]:  # noqa: N802
        del self.memory[address]
        return (Status.cudaSuccess,)

    def cudaMemcpyAsync(  # noqa: N802
        self, target: int, source: int, size: int, kind: str, stream: int
    ) -> tuple[Any, ...]:
        assert (target if kind == "up" else source) in self.memory
        self.pending.append(lambda: ctypes.memmove(target, source, size))
        return (Status.cudaSuccess,)


def fake_tensorrt(cuda: FakeCuda) -> types.ModuleType:
    """A library whose engine has the input ``x`` and the output ``y`` = 2x, batch 1 to 4, of 3 floats."""
    library: Any = types.ModuleType("fake_tensorrt")
    library.__version__ = "11.4.0"
    library.__spec__ = ModuleSpec("fake_tensorrt", None)

    class Context:
        def __init__(self) -> None:
            self.address: dict[str, int] = {}
            self.batch = 0

        def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
            self.batch = shape[0]
            return name == "x" and shape[1:] == (3,) and 1 <= shape[0] <= MAX_BATCH

        def set_tensor_address(self, name: str, address: int) -> bool:
            self.address[name] = address
            return True

        def get_tensor_shape(self, name: str) -> tuple[int, ...]:
            return (self.batch, 3)

        def execute_async_v3(self, stream: int) -> bool:
            assert stream == 77
            count = self.batch * 3
            x, y = (
                np.frombuffer(cuda.memory[self.address[name]], np.float32, count) for name in "xy"
            )
            cuda.pending.append(lambda: np.multiply(x, 2, out=y))
            return True

    class Runtime:
        def __init__(self, log: Any) -> None:
            self.log = log

        def deserialize_cuda_engine(self, plan: bytes) -> Any:
            if plan != PLAN:
                self.log.log(SimpleNamespace(name="ERROR"), "Version tag does not match")
                return None
            return SimpleNamespace(
                num_io_tensors=2,
                get_tensor_name=lambda index: "xy"[index],
                get_tensor_mode=lambda name: {"x": "in", "y": "out"}[name],
                get_tensor_dtype=lambda name: "f",
                create_execution_context=Context,
                create_engine_inspector=lambda: SimpleNamespace(
                    get_engine_information=lambda form: '{"Layers": [{"LayerType": "kgen"}]}'
                ),
            )

    library.ILogger = type("ILogger", (), {})
    library.Runtime = Runtime
    library.TensorIOMode = SimpleNamespace(INPUT="in", OUTPUT="out")
    library.LayerInformationFormat = SimpleNamespace(JSON="json")
    library.nptype = lambda kind: {"f": np.float32}[kind]
    return library


def install(monkeypatch: pytest.MonkeyPatch, cuda: FakeCuda) -> None:
    """Let ``cuda.bindings.runtime`` be ``cuda``, and ``fake_tensorrt`` be importable."""
    package, bindings = types.ModuleType("cuda"), types.ModuleType("cuda.bindings")
    for module in (package, bindings):
        module.__spec__ = ModuleSpec(module.__name__, None, is_package=True)
        module.__path__ = []
    bindings.runtime = cuda  # type: ignore[attr-defined]
    package.bindings = bindings  # type: ignore[attr-defined]
    for module in (package, bindings, cuda, fake_tensorrt(cuda)):
        monkeypatch.setitem(sys.modules, module.__name__, module)
