"""OpenVINO on the CPU, computing in float32 where it does not compute in integers.

Its own choice of a float type would be bfloat16 where the processor has it. Shapes are fixed before a
model is compiled, which OpenVINO recommends, so another batch size compiles anew. Threads are not pinned
to cores: a pinned one loses where a core is shared.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from edgegan.errors import BundleError, UnavailableError
from edgegan.runtimes.base import ExecutionMap, LayerExecution, Tensors
from edgegan.runtimes.islands import islands_of
from edgegan.runtimes.macs import count_macs

_MOVES = frozenset(
    {
        "Concatenation",
        "Const",
        "Convert",
        "Gather",
        "Input",
        "Output",
        "Pad",
        "Pooling",
        "Reorder",
        "Reshape",
        "Split",
        "StridedSlice",
        "Transpose",
    }
)
"""Kernels that work on integers as on floats."""

_COPIES = frozenset(
    {"QuantizeLinear", "DequantizeLinear", "Transpose", "Reshape", "Slice", "Gather", "MaxPool"}
)
"""Operators of models whose output is the input's, moved."""

_OVERWRITE = frozenset({"Convolution", "GroupConvolution"})
"""Kernels that may add their sum to a tensor in its place."""

_BEFORE_SUMS = frozenset({"Conv", "Relu"})
"""Nodes of a convolution's kernel before its first quantizer that do not count as a step of their own."""

_INTEGERS = frozenset({"u8", "i8"})
Shapes = dict[str, tuple[int, ...]]


def why_unavailable() -> str:
    """Why OpenVINO cannot be used here; empty where it can."""
    if importlib.util.find_spec("openvino") is None:
        return "openvino is not installed; install it with: pip install 'edgegan[openvino]'"
    return ""


class OpenVinoEngine:
    """A model, compiled for one sample, then for the shapes that it was last run with."""

    def __init__(self, model: bytes, where: str, threads: int) -> None:
        self._model = model
        self._where = where
        self._threads = threads
        self._compile(_one_sample(_parse(model, where)))

    def run(self, inputs: Tensors, outputs: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        shapes: Shapes = {name: np.shape(value) for name, value in inputs.items()}
        if shapes != self._shapes:
            self._compile(shapes)
        self._request.infer(dict(inputs), share_inputs=True)
        # outputs that are one tensor, once shapes are known, share their names
        ports = {
            name: port
            for port in self._compiled.outputs
            for name in (port.any_name, *sorted(port.names))
        }
        names = list(ports) if outputs is None else list(outputs)
        return {name: np.array(self._request.get_tensor(ports[name]).data) for name in names}

    def _compile(self, shapes: Shapes) -> None:
        self._compiled = compile_model(self._model, self._where, self._threads, shapes)
        self._request, self._shapes = self._compiled.create_infer_request(), shapes


class OpenVinoRuntime:
    """Loads ONNX files on OpenVINO's CPU plugin."""

    name = "openvino"

    def load(self, model: Path | bytes, threads: int = 1) -> OpenVinoEngine:
        data, where = _read(model)
        return OpenVinoEngine(data, where, threads)

    def execution_map(self, model: Path | bytes) -> ExecutionMap:
        data, where = _read(model)
        source = _parse(data, where)
        compiled = compile_model(data, where, 1, _one_sample(source))
        return execution_map_of(source, kernels_of(compiled))

    def versions(self) -> dict[str, str]:
        return {"openvino": str(_package().__version__).partition("-")[0]}


def compile_model(
    model: Path | bytes, where: str, threads: int, shapes: Shapes, float32: bool = True
) -> Any:
    """Compile a model for low latency.

    Args:
        model: an ONNX model, or a file of OpenVINO's own.
        where: how messages name it.
        shapes: of its inputs.
        float32: compute floats in float32; else in OpenVINO's own choice.

    Raises:
        UnavailableError: if the package is missing.
        BundleError: if OpenVINO refuses the model.
    """
    openvino = _package()
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
    } | ({"INFERENCE_PRECISION_HINT": "f32"} if float32 else {})
    core = openvino.Core()
    try:
        graph = core.read_model(model)
        graph.reshape({name: openvino.PartialShape(list(s)) for name, s in shapes.items()})
        return core.compile_model(graph, "CPU", settings)
    except RuntimeError as error:
        detail = " ".join(str(error).split())[:300]
        raise BundleError(f"OpenVINO cannot load {where}: {detail}") from None


def kernels_of(compiled: Any) -> list[Mapping[str, str]]:
    """What a compiled model executes, in order.

    Returns:
        For each kernel its ``layerType``, ``runtimePrecision`` (of its input), ``outputPrecisions``, and
        ``originalLayersNames``: the model's nodes that it computes, joined by commas, the last one last.
    """
    return [
        {key: str(value.value) for key, value in operator.get_rt_info().items()}
        for operator in compiled.get_runtime_model().get_ordered_ops()
    ]


def execution_map_of(source: onnx.ModelProto, kernels: list[Mapping[str, str]]) -> ExecutionMap:
    """Which kernels run the source's layers, and what becomes of its quantized tensors."""
    owner = {
        name: kernel for kernel in kernels for name in kernel["originalLayersNames"].split(",")
    }
    layers, unknown = [], {"layerType": "unknown", "runtimePrecision": "f32"}
    for name, (operator, macs) in count_macs(source).items():
        kernel = owner.get(f"{name}/WithoutBiases") or owner.get(name, unknown)
        precision = "int8" if kernel["runtimePrecision"] in _INTEGERS else "float"
        layers.append(LayerExecution(name, operator, kernel["layerType"], precision, macs))
    computing = [kernel for kernel in kernels if kernel["layerType"] not in _MOVES]
    counts = Counter(kernel["layerType"] for kernel in computing)
    fused = _fused(source.graph, kernels)
    return ExecutionMap(
        tuple(layers),
        dict(sorted(counts.items())),
        islands_of(source),
        fused=fused,
        overwritten=_overwritten(source.graph, kernels) - fused,
        unrounded=_unrounded(source.graph, kernels),
        taps_values=True,
    )


def _fused(graph: onnx.GraphProto, kernels: list[Mapping[str, str]]) -> frozenset[str]:
    """Quantized tensors that no kernel stores."""
    stored = {
        kernel["originalLayersNames"].rpartition(",")[2]
        for kernel in kernels
        if kernel["outputPrecisions"] in _INTEGERS
    }
    return frozenset(
        node.output[0]
        for node in graph.node
        if node.op_type == "QuantizeLinear" and node.name not in stored
    )


def _overwritten(graph: onnx.GraphProto, kernels: list[Mapping[str, str]]) -> frozenset[str]:
    """Quantized tensors that a convolution overwrites with its sum."""
    within = {
        name
        for kernel in kernels
        if kernel["layerType"] in _OVERWRITE
        for name in kernel["originalLayersNames"].split(",")
    }
    added = (x for n in graph.node if n.op_type == "Add" and n.name in within for x in n.input)
    moved = _moved_to(graph, added)
    return frozenset(
        node.output[0]
        for node in graph.node
        if node.op_type == "QuantizeLinear" and node.output[0] in moved
    )


def _unrounded(graph: onnx.GraphProto, kernels: list[Mapping[str, str]]) -> frozenset[str]:
    """Quantized sums of a convolution that it adds to a tensor in its place.

    It rounds only what it stores then, unless an activation that is not a ReLU comes before the addition.
    """
    nodes = {node.name: node for node in graph.node}
    found = set()
    for kernel in kernels:
        names = kernel["originalLayersNames"].split(",")
        steps = [nodes[name] for name in names if name in nodes]
        kinds = [node.op_type for node in steps if node.op_type not in _BEFORE_SUMS]
        if kernel["layerType"] in _OVERWRITE and kinds[:2] == ["QuantizeLinear", "Add"]:
            first = next(node for node in steps if node.op_type == "QuantizeLinear")
            found.add(first.output[0])
    return frozenset(found)


def _moved_to(graph: onnx.GraphProto, tensors: Iterable[str]) -> set[str]:
    """``tensors``, and what they are copies of."""
    producers = {name: node for node in graph.node for name in node.output}
    found, waiting = set(), list(tensors)
    while waiting:
        name = waiting.pop()
        found.add(name)
        if name in producers and producers[name].op_type in _COPIES:
            waiting.append(producers[name].input[0])
    return found


def _one_sample(model: onnx.ModelProto) -> Shapes:
    """Shapes of the inputs with a batch of 1; -1 where a size is dynamic."""
    return {
        value.name: (1, *(dim.dim_value or -1 for dim in value.type.tensor_type.shape.dim[1:]))
        for value in model.graph.input
    }


def _read(model: Path | bytes) -> tuple[bytes, str]:
    """Its bytes, and how messages name it."""
    if isinstance(model, bytes):
        return model, "the model"
    try:
        return model.read_bytes(), str(model)
    except OSError as error:
        raise BundleError(f"{model} cannot be read: {error.strerror}.") from None


def _parse(model: bytes, where: str) -> onnx.ModelProto:
    try:
        return onnx.load_from_string(model)
    except DecodeError:
        raise BundleError(f"{where} is not an ONNX model.") from None


def _package() -> Any:
    reason = why_unavailable()
    if reason:
        raise UnavailableError(f"{reason}.")
    return importlib.import_module("openvino")
