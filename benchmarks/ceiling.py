"""How fast a generator could be in int8 on this machine: its arithmetic and its traffic at full speed.

Ceiling = multiplications / int8 rate + bytes / bandwidth, both measured here.

The rate is the highest that any of three libraries reaches on one thread: a chain of large quantized
convolutions in ONNX Runtime and in OpenVINO, and a large int8 matrix product of oneDNN (through torch).
The bandwidth is that of numpy's copying and adding on one thread, read and written bytes together, for
working sets from 0.5 MB to 256 MB: a model whose bytes fit a cache is held to that cache's bandwidth.
Both are of the fastest run. More threads multiply both, which no machine exceeds.
"""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from benchmarks.openvino_peer import load
from edgegan.output_file import write_whole
from edgegan.runtimes.macs import count_macs, example_shapes
from edgegan.runtimes.ort import OrtRuntime

CONVOLUTIONS = ((128, 3, 64), (256, 3, 32), (512, 3, 16), (1024, 1, 32))
"""Channels in and out, kernel side, image side."""

CHAIN = 4
MATRICES = ((1024, 1024, 1024), (1024, 2304, 256), (4096, 2304, 256))
WORKING_SETS = tuple(2**power for power in range(19, 29))

NORMALIZATIONS = frozenset({"InstanceNormalization", "LayerNormalization", "Softmax"})
"""Need all of their input before they write, so that nothing can take them along."""


@dataclass(frozen=True)
class Machine:
    """What one thread of this machine reaches.

    Attributes:
        macs_per_second: of int8, by what reached it.
        bytes_per_second: by working set in bytes.
    """

    macs_per_second: dict[str, float]
    bytes_per_second: dict[int, float]

    @property
    def rate(self) -> float:
        return max(self.macs_per_second.values())

    def bandwidth(self, working_set: int) -> float:
        """Of the smallest measured working set that is as large, or of the largest."""
        sizes = sorted(self.bytes_per_second)
        fitting = [size for size in sizes if size >= working_set]
        return self.bytes_per_second[fitting[0] if fitting else sizes[-1]]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Machine:
        bandwidths = {int(size): value for size, value in document["bytes_per_second"].items()}
        return cls(document["macs_per_second"], bandwidths)


@dataclass(frozen=True)
class Work:
    """The least that a model has to do for one sample.

    Attributes:
        macs: multiplications, whatever they are done in.
        weights, activations: in bytes of int8; an activation counts once for what writes it and once
            for each layer that reads it.
    """

    macs: int
    weights: int
    activations: int


@dataclass(frozen=True)
class Ceiling:
    """The two terms, in milliseconds for a whole batch."""

    compute_ms: float
    memory_ms: float

    @property
    def ms(self) -> float:
        return self.compute_ms + self.memory_ms


def ceiling(work: Work, machine: Machine, threads: int, batch: int) -> Ceiling:
    moved = work.weights + work.activations * batch
    return Ceiling(
        compute_ms=1e3 * work.macs * batch / (machine.rate * threads),
        memory_ms=1e3 * moved / (machine.bandwidth(moved) * threads),
    )


def work_of(models: Iterable[onnx.ModelProto]) -> Work:
    """The least of several forms of one generator (the original, the rewritten one).

    A layer that several forms have under one name counts with the least of its multiplications: packing
    an image convolution, for one, adds some. Bytes are those of the form that moves least.
    """
    forms = list(models)
    multiplications = [_macs_by_layer(model) for model in forms]
    least: dict[str, int] = {}
    for one in multiplications:
        for layer, macs in one.items():
            least[layer] = min(macs, least.get(layer, macs))
    macs = min(sum(least[layer] for layer in one) for one in multiplications)
    weights, activations = min((_traffic(model) for model in forms), key=sum)
    return Work(macs, weights, activations)


def measure_machine(folder: Path, seconds: float = 0.5) -> Machine:
    """Try every library and size for ``seconds``.

    Args:
        folder: for the models that are tried.

    Raises:
        UnavailableError: without OpenVINO.
    """
    rates = {}
    for shape in CONVOLUTIONS:
        path = folder / f"convolutions-{'-'.join(map(str, shape))}.onnx"
        onnx.save(_convolutions(*shape), path)
        channels, kernel, side = shape
        macs = CHAIN * channels * channels * kernel * kernel * side * side
        feed = {"x": np.full((1, channels, side, side), 128, np.uint8)}
        calls: dict[str, Callable[[], object]] = {
            "ONNX Runtime": partial(OrtRuntime().load(path).run, feed),
            "OpenVINO": load(path, feed, 1, float32=False),
        }
        for library, call in calls.items():
            name = f"{library}, convolution {kernel}x{kernel}, {channels} channels, {side}x{side}"
            rates[name] = macs / _fastest(call, seconds)
    for rows, inner, columns in MATRICES:
        product = _matrix_product(rows, inner, columns)
        name = f"oneDNN, matrix product {rows}x{inner}x{columns}"
        rates[name] = rows * inner * columns / _fastest(product, seconds)
    return Machine(rates, {size: _bandwidth(size, seconds) for size in WORKING_SETS})


def known_machine(work: Path) -> Machine:
    """What ``work`` holds of an earlier run, else measured now."""
    path = work / "machine.json"
    if not path.exists():
        folder = work / "machine"
        folder.mkdir(exist_ok=True)
        write_whole(path, json.dumps(measure_machine(folder).as_json()), "rates")
    return Machine.from_json(json.loads(path.read_text()))


def _macs_by_layer(model: onnx.ModelProto) -> dict[str, int]:
    layers: dict[str, int] = defaultdict(int)
    for node, (_, macs) in count_macs(model).items():
        layers[node.rpartition("/")[0]] += macs
    return layers


def _traffic(model: onnx.ModelProto) -> tuple[int, int]:
    """Weights and activations of one sample, in elements."""
    made_by = {name: node for node in model.graph.node for name in node.output}
    constants = _constants(model)

    def origin(name: str) -> str:
        """Behind quantizers, which a kernel takes along."""
        while name in made_by and made_by[name].op_type in ("QuantizeLinear", "DequantizeLinear"):
            name = made_by[name].input[0]
        return name

    multiplying = count_macs(model)
    weights: set[str] = set()
    touched: dict[str, set[str]] = defaultdict(set)
    for node in model.graph.node:
        if node.name in multiplying or node.op_type in NORMALIZATIONS:
            names = {origin(name) for name in node.input[:2]}
            weights |= names & constants
            touched[node.name.rpartition("/")[0]] |= names - constants | {node.output[0]}
    sizes = _sizes(model, weights.union(*touched.values()))
    return (
        sum(sizes[name] for name in weights),
        sum(sizes[name] for names in touched.values() for name in names),
    )


def _constants(model: onnx.ModelProto) -> set[str]:
    """What is stored, and what is made of nothing else (a weight divided by its spectral norm)."""
    known = {tensor.name for tensor in model.graph.initializer} | {""}
    for node in model.graph.node:
        if known.issuperset(node.input):
            known |= set(node.output)
    return known


def _sizes(model: onnx.ModelProto, names: set[str]) -> dict[str, int]:
    """Elements of tensors at batch 1, by running on zeros."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    known = {tensor.name: list(tensor.dims) for tensor in probe.graph.initializer}
    present = {value.name for value in [*probe.graph.input, *probe.graph.output]} | set(known)
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names - present)
    feed: dict[str, NDArray[Any]] = {}
    examples = example_shapes(model)
    for value in probe.graph.input:
        kind = value.type.tensor_type
        feed[value.name] = np.zeros(
            examples[value.name], helper.tensor_dtype_to_np_dtype(kind.elem_type)
        )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    wanted = sorted(names - set(feed) - set(known))
    observed = dict(zip(wanted, session.run(wanted, feed), strict=True)) | feed
    known |= {name: list(np.shape(value)) for name, value in observed.items()}
    return {name: math.prod(known[name]) for name in names}


def _convolutions(channels: int, kernel: int, side: int) -> onnx.ModelProto:
    """A chain of QDQ convolutions from uint8 to uint8."""
    random = np.random.default_rng(0)
    tensors = [
        numpy_helper.from_array(np.asarray(0.05, np.float32), "scale"),
        numpy_helper.from_array(np.asarray(128, np.uint8), "zero"),
        numpy_helper.from_array(np.full(channels, 0.001, np.float32), "weight.scale"),
    ]
    nodes, x = [], "x"
    for index in range(CHAIN):
        weight, y = f"weight.{index}", f"y{index}"
        integers = random.integers(-127, 128, (channels, channels, kernel, kernel), np.int8)
        tensors.append(numpy_helper.from_array(integers, weight))
        nodes += [
            helper.make_node("DequantizeLinear", [x, "scale", "zero"], [f"{x}.read"]),
            helper.make_node("DequantizeLinear", [weight, "weight.scale"], [f"w{index}"], axis=0),
            helper.make_node(
                "Conv", [f"{x}.read", f"w{index}"], [f"{y}.float"], pads=[kernel // 2] * 4
            ),
            helper.make_node("QuantizeLinear", [f"{y}.float", "scale", "zero"], [y]),
        ]
        x = y
    shape = [1, channels, side, side]
    graph = helper.make_graph(
        nodes,
        "convolutions",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info(x, TensorProto.UINT8, shape)],
        tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def _matrix_product(rows: int, inner: int, columns: int) -> Callable[[], object]:
    import torch

    torch.set_num_threads(1)
    a = torch.randint(-128, 128, (rows, inner), dtype=torch.int8)
    b = torch.randint(-128, 128, (inner, columns), dtype=torch.int8)
    return partial(torch._int_mm, a, b)


def _bandwidth(working_set: int, seconds: float) -> float:
    """Bytes a second, of which the better of copying (two arrays) and adding (three)."""
    half = [np.ones(working_set // 2, np.uint8) for _ in range(2)]
    third = [np.ones(working_set // 24) for _ in range(3)]
    copying = _fastest(lambda: np.copyto(half[0], half[1]), seconds)
    adding = _fastest(lambda: np.add(third[0], third[1], out=third[2]), seconds)
    return max(sum(a.nbytes for a in half) / copying, sum(a.nbytes for a in third) / adding)


def _fastest(call: Callable[[], object], seconds: float) -> float:
    """Seconds of the fastest run."""
    best, clock = float("inf"), time.perf_counter
    call()
    end = clock() + seconds
    while (start := clock()) < end:
        call()
        best = min(best, clock() - start)
    return best
