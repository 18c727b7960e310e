"""TensorRT and TensorRT-RTX as runtimes.

Building works where the library does (TensorRT-RTX: on any x86-64 host). Loading and running need an
NVIDIA GPU and **were never run**: see ``edgegan.runtimes.trt_engine``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from edgegan.errors import BundleError, ModelError, UnavailableError
from edgegan.runtimes.base import ExecutionMap
from edgegan.runtimes.trt_build import build_engine
from edgegan.runtimes.trt_engine import TensorRtEngine
from edgegan.runtimes.trt_library import TENSORRT_RTX, Flavour, load_library, why_unavailable
from edgegan.runtimes.trt_options import BuildOptions, BuiltEngine

ENGINE_SUFFIX = ".engine"


class TensorRtRuntime:
    """Loads ONNX models (built on the spot) and engine files.

    Args:
        flavour: which library.
        options: how ONNX models are built. Engines are run on this machine's GPU whatever capability is
            named; ``execution_map`` tells of the named one, else of the GPU here.
    """

    def __init__(
        self, flavour: Flavour = TENSORRT_RTX, options: BuildOptions | None = None
    ) -> None:
        self.name = flavour.name
        self._flavour = flavour
        self._options = options or BuildOptions()

    def load(self, model: Path | bytes, threads: int = 1) -> TensorRtEngine:
        """An engine on the GPU.

        Args:
            model: an ONNX model, or the path of an engine file, known by its suffix ``.engine``.
            threads: of the CPU; it has no part in this.

        Raises:
            UnavailableError: if the package or a GPU is missing.
            BundleError: if the model is refused, or the engine does not fit the library or the GPU.
        """
        reason = why_unavailable(self._flavour)
        if reason:
            raise UnavailableError(reason)
        if isinstance(model, Path) and model.suffix == ENGINE_SUFFIX:
            return TensorRtEngine(_read(model), self._flavour, str(model))
        here = BuildOptions(batch=self._options.batch, timing_cache=self._options.timing_cache)
        with tempfile.TemporaryDirectory() as folder:
            built = self._build(model, here, Path(folder))
            return TensorRtEngine(_read(built.file), self._flavour, _name(model))

    def execution_map(self, model: Path | bytes) -> ExecutionMap:
        """How an ONNX model's layers multiply, by building it.

        Raises:
            UnavailableError: if the package is missing, or there is neither a GPU nor a named capability.
            BundleError: if the model is refused, or is an engine file: its model tells the layers.
        """
        if isinstance(model, Path) and model.suffix == ENGINE_SUFFIX:
            raise BundleError(f"{model} is an engine; give the ONNX model that it was built from.")
        with tempfile.TemporaryDirectory() as folder:
            return self._build(model, self._options, Path(folder)).execution

    def versions(self) -> dict[str, str]:
        return {self.name: str(load_library(self._flavour).__version__)}

    def _build(self, model: Path | bytes, options: BuildOptions, folder: Path) -> BuiltEngine:
        path = model if isinstance(model, Path) else folder / "the model"
        if isinstance(model, bytes):
            path.write_bytes(model)
        try:
            return build_engine(path, options, folder / f"built{ENGINE_SUFFIX}", self._flavour)
        except ModelError as error:
            raise BundleError(str(error).replace(str(path), _name(model))) from None


def _name(model: Path | bytes) -> str:
    return "the model" if isinstance(model, bytes) else str(model)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}.") from None
