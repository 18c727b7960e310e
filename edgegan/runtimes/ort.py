"""ONNX Runtime on the CPU."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from edgegan.errors import BundleError
from edgegan.runtimes.base import CONVEYS, ExecutionMap, LayerExecution, Tensors
from edgegan.runtimes.macs import count_macs

_INTEGER_KERNELS = frozenset(
    {
        "QLinearConv",
        "QGemm",
        "QLinearMatMul",
        "MatMulInteger",
        "MatMulIntegerToFloat",
        "ConvInteger",
    }
)
_MOVES = frozenset(
    {
        "Slice",
        "Concat",
        "Gather",
        "Split",
        "DepthToSpace",
        "Cast",
        "Shape",
        "Expand",
        "Tile",
        "MaxPool",
    }
)
"""Operators that work on integers as on floats."""

_INTEGER_PREFIXES = ("QLinear", "QGemm", "MatMulInteger", "ConvInteger", "Nhwc")
_QUIET = 3


class OrtEngine:
    """An inference session with all graph optimizations on: the deployed setting."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    def run(self, inputs: Tensors, outputs: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        names = (
            list(outputs) if outputs is not None else [o.name for o in self._session.get_outputs()]
        )
        results = self._session.run(names, dict(inputs))
        return {n: np.asarray(v) for n, v in zip(names, results, strict=True)}


class OrtRuntime:
    """Loads ONNX files on ``CPUExecutionProvider``."""

    name = "ort"

    def load(self, model: Path | bytes, threads: int = 1) -> OrtEngine:
        return OrtEngine(self._session(model, self._options(threads)))

    def execution_map(self, model: Path | bytes) -> ExecutionMap:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "optimized.onnx"
            options = self._options(1)
            options.optimized_model_filepath = str(path)
            self._session(model, options)
            optimized = onnx.load(path)
        source = onnx.load_from_string(model) if isinstance(model, bytes) else onnx.load(model)
        return execution_map_of(source, optimized)

    def versions(self) -> dict[str, str]:
        return {"onnxruntime": onnxruntime.__version__}

    def _options(self, threads: int) -> onnxruntime.SessionOptions:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _QUIET
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        # Idle pools of other sessions must not eat the cores that this one is timed on.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        return options

    def _session(
        self, model: Path | bytes, options: onnxruntime.SessionOptions
    ) -> onnxruntime.InferenceSession:
        onnxruntime.set_default_logger_severity(_QUIET)
        try:
            return onnxruntime.InferenceSession(
                model if isinstance(model, bytes) else str(model),
                options,
                providers=["CPUExecutionProvider"],
            )
        except Exception as error:  # pybind raises its own unrelated types
            where = "the model" if isinstance(model, bytes) else str(model)
            detail = " ".join(str(error).split())[:300]
            raise BundleError(f"ONNX Runtime cannot load {where}: {detail}") from None


def execution_map_of(source: onnx.ModelProto, optimized: onnx.ModelProto) -> ExecutionMap:
    """Which kernels of the optimized graph run the source's layers, on whatever processor made it.

    What was fused carries the source node's name as a prefix.
    """
    kernels = {node.name: node.op_type for node in optimized.graph.node}
    layers = []
    for name, (operator, macs) in count_macs(source).items():
        kernel = _kernel_of(name, operator, kernels)
        precision = "int8" if kernel in _INTEGER_KERNELS else "float"
        layers.append(LayerExecution(name, operator, kernel, precision, macs))
    counts = dict(sorted(Counter(kernels.values()).items()))
    return ExecutionMap(tuple(layers), counts, _islands(counts))


def _islands(kernels: dict[str, int]) -> dict[str, int]:
    """Operators that compute in float."""
    return {
        kernel: count
        for kernel, count in kernels.items()
        if kernel not in CONVEYS | _MOVES and not kernel.startswith(_INTEGER_PREFIXES)
    }


def _kernel_of(name: str, operator: str, kernels: dict[str, str]) -> str:
    """Kernel that the optimizer made of the node ``name``: same name, or with a ``_token_N`` tail."""
    if name in kernels:
        return kernels[name]
    for candidate, kernel in kernels.items():
        if candidate.startswith((f"{name}_token_", f"{name}_nhwc")):
            return kernel
    return operator
