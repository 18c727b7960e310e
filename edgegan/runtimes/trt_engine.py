"""A TensorRT engine on the GPU.

Written against NVIDIA's documentation of TensorRT 10.x, 11.x and TensorRT-RTX 1.x (the Python API of the
three is the same here); **it was never run**, because no GPU was to be had.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgegan.errors import BundleError, UnavailableError
from edgegan.runtimes.base import Tensors
from edgegan.runtimes.trt_device import Stream
from edgegan.runtimes.trt_layers import EngineLayer, from_inspector
from edgegan.runtimes.trt_library import Flavour, load_library, make_log, why_unavailable


class TensorRtEngine:
    """A deserialized engine with its execution context, stream and device memory.

    Raises:
        UnavailableError: if the package or a GPU is missing.
        BundleError: if the engine is damaged, of another library version, or for another GPU.
    """

    def __init__(self, plan: bytes, flavour: Flavour, name: str = "the engine") -> None:
        reason = why_unavailable(flavour)
        if reason:
            raise UnavailableError(reason)
        self._library = load_library(flavour)
        self._name = name
        self._log = make_log(self._library)
        self._runtime = self._library.Runtime(self._log)
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise BundleError(
                f"{flavour.title} {self._library.__version__} cannot load {name}: {self._errors()}; an "
                "engine runs only with the version and on the GPU that it was built for, so build it anew."
            )
        self._context = self._engine.create_execution_context()
        self._stream = Stream()
        self._release = weakref.finalize(self, self._stream.close)
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        self._inputs = [name for name in names if self._is_input(name)]
        self._outputs = [name for name in names if not self._is_input(name)]

    def run(self, inputs: Tensors, outputs: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        """Copy in, execute, copy out and wait; all outputs unless named.

        Raises:
            BundleError: if an input is missing an output is unknown, or the engine was not built
                for an input's shape.
        """
        wanted = self._outputs if outputs is None else list(outputs)
        unknown = [name for name in wanted if name not in self._outputs]
        if unknown:
            known = ", ".join(self._outputs)
            raise BundleError(f"{self._name} has no output {unknown[0]!r}; it has {known}.")
        kept = []  # the copies read these arrays until the stream has been waited for
        for name in self._inputs:
            if name not in inputs:
                raise BundleError(f"{self._name} needs the input {name!r}, which was not given.")
            array = np.ascontiguousarray(inputs[name], self._dtype(name))
            kept.append(array)
            if not self._context.set_input_shape(name, array.shape):
                raise BundleError(
                    f"{self._name} was not built for {name!r} of shape {array.shape}; build it with a "
                    "batch profile that covers it."
                )
            self._context.set_tensor_address(name, self._stream.upload(name, array))
        shapes = {name: tuple(self._context.get_tensor_shape(name)) for name in self._outputs}
        for name, shape in shapes.items():
            size = max(int(np.prod(shape)) * self._dtype(name).itemsize, 1)
            self._context.set_tensor_address(name, self._stream.reserve(name, size))
        if not self._context.execute_async_v3(self._stream.handle):
            raise BundleError(f"{self._name} failed on the GPU: {self._errors()}.")
        results = {n: self._stream.download(n, shapes[n], self._dtype(n)) for n in wanted}
        self._stream.wait()
        return results

    def layers(self) -> tuple[EngineLayer, ...]:
        """What the inspector tells of the loaded engine."""
        inspector = self._engine.create_engine_inspector()
        form = self._library.LayerInformationFormat.JSON
        return from_inspector(inspector.get_engine_information(form))

    def close(self) -> None:
        """Give the device memory back, as the end of this object does."""
        self._release()

    def _is_input(self, name: str) -> bool:
        return bool(self._engine.get_tensor_mode(name) == self._library.TensorIOMode.INPUT)

    def _dtype(self, name: str) -> np.dtype[Any]:
        kind: np.dtype[Any] = np.dtype(self._library.nptype(self._engine.get_tensor_dtype(name)))
        return kind

    def _errors(self) -> str:
        errors = [text for severity, text in self._log.messages if "ERROR" in severity]
        return " ".join(" ".join(errors).split())[:300] or "no reason given"
