"""Why is it bad? Layer by layer, how far the quantized engine is from the float graph.

Reads a bundle's two models alone (no torch): the rewritten float graph and the quantized one, whose
nodes carry the same names. Both run on the same inputs with their inner tensors as outputs.

* Signal to quantization noise of each quantized tensor against its float original: accumulated (as it
  comes out of the engine) and own (the float tensor put on the grid).
* What keeping the layer in float would give back: the image's PSNR with this layer's weight and
  output unquantized, minus the PSNR of the model as it is. This ranks the layers: a tensor may have a
  low ratio and do no harm (in front of a tanh), or a high one and do much.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from edgegan.bundle import Bundle
from edgegan.errors import BundleError
from edgegan.generators import latents
from edgegan.quantization.grid import SATURATION
from edgegan.runtimes.base import Runtime, first_output
from edgegan.runtimes.find import runtime_for
from edgegan.targets import find_target

BINS = 48
_MOVES = ("Transpose", "Reshape", "Slice", "Concat")
_BATCH = 32
_PARTS_BELOW_DB = 20.0


@dataclass(frozen=True)
class TensorDiagnosis:
    """One quantized tensor (or the phases of one layer, which share a grid).

    Attributes:
        layer: name of the quantizer, made from the user's module path.
        sqnr_db: accumulated signal to quantization noise.
        own_sqnr_db: of this quantizer alone.
        clipped_share: float values outside the grid's range (in front of a tanh, those that matter).
        grid_used: distinct integers that occur, as a share of the grid's.
        low, high: the grid's range.
        gain_db: PSNR of the image that keeping this layer in float would give back.
        histogram: counts of the float values over ``edges``.
        edges: of the histogram's bins.
    """

    layer: str
    sqnr_db: float
    own_sqnr_db: float
    clipped_share: float
    grid_used: float
    low: float
    high: float
    gain_db: float
    histogram: list[int]
    edges: list[float]


@dataclass(frozen=True)
class WeightDiagnosis:
    """One quantized weight.

    Attributes:
        name: of the weight.
        bits: its width.
        states: how often each integer occurs, from the lowest on.
        low: the lowest integer.
        states_used: integers that occur, as a share of all.
        sqnr_db: against the float weight.
    """

    name: str
    bits: int
    states: list[int]
    low: int
    states_used: float
    sqnr_db: float


@dataclass(frozen=True)
class Diagnosis:
    """All of it.

    Attributes:
        samples: inputs that were run.
        psnr_db: of the quantized image against the float image.
        tensors: in graph order.
        weights: in graph order.
    """

    samples: int
    psnr_db: float
    tensors: tuple[TensorDiagnosis, ...]
    weights: tuple[WeightDiagnosis, ...]

    def ranked(self) -> list[TensorDiagnosis]:
        """Layers by what keeping them in float would give back, most first."""
        return sorted(self.tensors, key=lambda tensor: -tensor.gain_db)

    @property
    def parts_at(self) -> str | None:
        """First layer whose accumulated ratio falls below 20 dB."""
        return next((t.layer for t in self.tensors if t.sqnr_db < _PARTS_BELOW_DB), None)

    def as_json(self) -> dict[str, Any]:
        def finite(value: Any) -> Any:
            if isinstance(value, float):
                return value if np.isfinite(value) else None
            if isinstance(value, dict):
                return {key: finite(inner) for key, inner in value.items()}
            return value

        return {
            "samples": self.samples,
            "psnr_db": finite(self.psnr_db),
            "parts_at": self.parts_at,
            "ranked": [tensor.layer for tensor in self.ranked()],
            "tensors": [finite(asdict(tensor)) for tensor in self.tensors],
            "weights": [finite(asdict(weight)) for weight in self.weights],
        }


def diagnose(
    model: Path,
    lowered: Path,
    inputs: dict[str, NDArray[Any]],
    value_range: tuple[float, float],
    runtime: Runtime,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Diagnosis:
    """Compare the two models of a bundle.

    Args:
        model: quantized.
        lowered: the rewritten float graph that it was quantized from.
        inputs: ``[N, ...]`` by input name.
        value_range: of the image, for the PSNR.
        runtime: executes both.
        report: called with (layers done, layers).

    Raises:
        BundleError: if the models do not belong together.
    """
    quantized, original = onnx.load(model), onnx.load(lowered)
    groups = _groups(quantized)
    pairs = {q.tensor: _float_twin(quantized, original, q) for group in groups for q in group}
    integers = _run(quantized, [q.tensor for group in groups for q in group], inputs, runtime)
    floats = _run(original, sorted(set(pairs.values())), inputs, runtime)
    image = first_output(floats)
    psnr = _psnr(first_output(integers), image, value_range)
    tensors = []
    for index, group in enumerate(groups):
        reach = _saturation(quantized, group)
        gain = (
            _psnr(_without(quantized, original, group, inputs, runtime), image, value_range) - psnr
        )
        report(index + 1, len(groups))
        tensors.append(
            _tensor(
                group,
                np.concatenate([integers[q.tensor].ravel() for q in group]),
                np.concatenate([floats[pairs[q.tensor]].ravel() for q in group]).clip(
                    -reach, reach
                ),
                gain if np.isfinite(gain) else 0.0,
            )
        )
    count = len(next(iter(inputs.values())))
    return Diagnosis(count, psnr, tuple(tensors), tuple(_weights(quantized, original)))


def diagnose_bundle(bundle: Bundle, samples: int) -> Diagnosis:
    """Diagnose a bundle on ``samples`` inputs of its own law, or on its golden ones if it has none."""
    manifest = bundle.manifest
    seed = manifest.golden_seed
    if any(spec.data for spec in manifest.inputs):
        inputs: dict[str, NDArray[Any]] = dict(bundle.golden("inputs"))
    else:
        inputs = {
            i.name: latents.sample(i.law, i.shape, samples, seed, i.name) for i in manifest.inputs
        }
    entry = manifest.targets[0]
    lowered = manifest.references.get("lowered")
    if lowered is None:
        raise BundleError(f"{bundle.folder}: the manifest names no reference 'lowered'.")
    return diagnose(
        bundle.path(entry.model),
        bundle.path(lowered),
        inputs,
        manifest.output.value_range,
        runtime_for(find_target(entry.name)),
    )


@dataclass(frozen=True)
class _Quantizer:
    """A named activation quantizer of the model: QuantizeLinear from ``source`` to ``tensor``."""

    name: str
    tensor: str
    source: str
    scale: float
    zero_point: int
    low: int
    high: int
    scale_name: str


def _constants(model: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    return {tensor.name: tensor for tensor in model.graph.initializer}


def _groups(model: onnx.ModelProto) -> list[list[_Quantizer]]:
    """Named activation quantizers in graph order, those of one grid together."""
    constants = _constants(model)
    groups: dict[str, list[_Quantizer]] = {}
    for node in model.graph.node:
        named = node.op_type == "QuantizeLinear" and "_quantized" in node.output[0]
        if not named or node.input[1] not in constants:
            continue
        scale = onnx.numpy_helper.to_array(constants[node.input[1]])
        zero = onnx.numpy_helper.to_array(constants[node.input[2]])
        if scale.size != 1:
            continue
        limits = np.iinfo(zero.dtype)
        name = node.input[1].removeprefix("quantizers.").removesuffix(".scale")
        groups.setdefault(node.input[1], []).append(
            _Quantizer(
                name, node.output[0], node.input[0], float(scale.reshape(())),
                int(zero.reshape(())), limits.min, limits.max, node.input[1],
            )
        )  # fmt: skip
    return list(groups.values())


def _float_twin(
    quantized: onnx.ModelProto, original: onnx.ModelProto, quantizer: _Quantizer
) -> str:
    """The float graph's tensor that the quantizer's input is made from: same node name."""
    if quantizer.source in {value.name for value in quantized.graph.input}:
        return quantizer.source
    producer = next(n for n in quantized.graph.node if quantizer.source in n.output)
    for node in original.graph.node:
        if node.name == producer.name:
            return str(node.output[0])
    raise BundleError(
        f"layer {producer.name} of the quantized model has no twin in the float model; the two files "
        "do not belong together."
    )


def _run(
    model: onnx.ModelProto, taps: list[str], inputs: dict[str, NDArray[Any]], runtime: Runtime
) -> dict[str, NDArray[Any]]:
    """The image first, then the tapped tensors (inputs are taps of themselves)."""
    tapped = onnx.ModelProto()
    tapped.CopyFrom(model)
    present = {value.name for value in tapped.graph.output} | set(inputs)
    for name in taps:
        if name not in present:
            tapped.graph.output.append(onnx.ValueInfoProto(name=name))
    engine = runtime.load(tapped.SerializeToString())
    count = len(next(iter(inputs.values())))
    parts = [
        engine.run({name: value[start : start + _BATCH] for name, value in inputs.items()})
        for start in range(0, count, _BATCH)
    ]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return joined | {name: inputs[name] for name in taps if name in inputs}


def _without(
    quantized: onnx.ModelProto,
    original: onnx.ModelProto,
    group: list[_Quantizer],
    inputs: dict[str, NDArray[Any]],
    runtime: Runtime,
) -> NDArray[np.float32]:
    """The image with one layer in float: its output's quantizers bypassed, its weights as they were."""
    model = onnx.ModelProto()
    model.CopyFrom(quantized)
    renamed: dict[str, str] = {}
    sources = {n.output[0]: n for n in model.graph.node}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[1] == group[0].scale_name:
            renamed[node.output[0]] = sources[node.input[0]].input[0]
    renamed |= _float_weights(model, original, group)
    outputs = {value.name for value in model.graph.output}
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            while name in renamed:
                name = renamed[name]
            node.input[index] = name
    for name in outputs & set(renamed):
        source = name
        while source in renamed:
            source = renamed[source]
        for node in model.graph.node:
            if name in node.output:
                node.output[0] = f"{name}_bypassed"
        model.graph.node.append(onnx.helper.make_node("Identity", [source], [name]))
    _drop_dead_nodes(model)
    return first_output(_run(model, [], inputs, runtime))


def _float_weights(
    model: onnx.ModelProto, original: onnx.ModelProto, group: list[_Quantizer]
) -> dict[str, str]:
    """Adds the float weights of the layers in front of the quantizers; dequantized name → float name."""
    producers = {name: node for node in model.graph.node for name in node.output}
    weights = _constants(original)
    renamed = {}
    for quantizer in group:
        node = producers.get(quantizer.source)
        while node is not None and node.op_type in ("Relu", "LeakyRelu"):
            node = producers.get(node.input[0])
        if node is None or node.op_type not in ("Conv", "Gemm"):
            continue
        dequantized = producers.get(node.input[1])
        if dequantized is None:
            continue
        base = dequantized.input[0].removesuffix("_int8").removesuffix("_integers")
        if base in weights:
            renamed[node.input[1]] = base
            if base not in _constants(model):
                model.graph.initializer.append(weights[base])
    return renamed


def _drop_dead_nodes(model: onnx.ModelProto) -> None:
    """Remove nodes that nothing reads (bypassed quantizers), back to front."""
    read = {value.name for value in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if read & set(node.output):
            kept.append(node)
            read |= set(node.input)
    del model.graph.node[:]
    model.graph.node.extend(reversed(kept))


def _saturation(model: onnx.ModelProto, group: list[_Quantizer]) -> float:
    """Magnitude beyond which every reader of the tensor is saturated; infinite without such."""
    waiting, readers = [q.tensor for q in group], set()
    while waiting:
        name = waiting.pop()
        for node in model.graph.node:
            if name in node.input:
                conveys = node.op_type in ("QuantizeLinear", "DequantizeLinear", *_MOVES)
                waiting += node.output if conveys else []
                readers |= set() if conveys else {node.op_type.lower()}
    return SATURATION.get(readers.pop(), float("inf")) if len(readers) == 1 else float("inf")


def _tensor(
    group: list[_Quantizer], integers: NDArray[Any], values: NDArray[Any], gain: float
) -> TensorDiagnosis:
    q = group[0]
    if integers.size != values.size:
        raise BundleError(f"layer {q.name} has another shape in the float model.")
    scale = np.float32(q.scale)
    exact = values.astype(np.float64)
    dequantized = (integers.astype(np.float64) - q.zero_point) * q.scale
    own = np.clip(np.rint(values / scale) + q.zero_point, q.low, q.high) - q.zero_point
    low, high = ((end - q.zero_point) * q.scale for end in (q.low, q.high))
    outside = (exact < low - q.scale / 2) | (exact > high + q.scale / 2)
    histogram, edges = np.histogram(exact, BINS)
    return TensorDiagnosis(
        layer=q.name,
        sqnr_db=_sqnr(exact, dequantized),
        own_sqnr_db=_sqnr(exact, own.astype(np.float64) * q.scale),
        clipped_share=float(outside.mean()),
        grid_used=len(np.unique(integers)) / (q.high - q.low + 1),
        low=float(low),
        high=float(high),
        gain_db=float(gain),
        histogram=histogram.tolist(),
        edges=edges.tolist(),
    )


def _weights(quantized: onnx.ModelProto, original: onnx.ModelProto) -> list[WeightDiagnosis]:
    widths: dict[int, int] = {onnx.TensorProto.INT8: 8, onnx.TensorProto.INT4: 4}
    constants, floats = _constants(quantized), _constants(original)
    found = []
    for node in quantized.graph.node:
        if node.op_type != "DequantizeLinear":
            continue
        stored = node.input[0].removesuffix("_int8")
        stored = stored if stored.endswith("_integers") else f"{stored}_integers"
        tensor = constants.get(stored)
        base = stored.removesuffix("_integers")
        if tensor is None or base not in floats or tensor.data_type not in widths:
            continue
        bits = widths[tensor.data_type]
        integers = onnx.numpy_helper.to_array(tensor).astype(np.int64)
        scale = onnx.numpy_helper.to_array(constants[node.input[1]]).astype(np.float64)
        shape = [-1] + [1] * (integers.ndim - 1) if scale.ndim else []
        exact = onnx.numpy_helper.to_array(floats[base]).astype(np.float64)
        low, count = -(1 << (bits - 1)), 1 << bits
        states = np.bincount(integers.ravel() - low, minlength=count)
        found.append(
            WeightDiagnosis(
                name=base.removeprefix("lowered."),
                bits=bits,
                states=states.tolist(),
                low=low,
                states_used=float((states > 0).mean()),
                sqnr_db=_sqnr(exact, integers * scale.reshape(shape)),
            )
        )
    return found


def _sqnr(exact: NDArray[np.float64], approximate: NDArray[np.float64]) -> float:
    noise = float(np.square(exact - approximate).sum())
    signal = float(np.square(exact).sum())
    if noise == 0.0:
        return float("inf")
    return float(10 * np.log10(signal / noise)) if signal > 0.0 else float("-inf")


def _psnr(
    image: NDArray[np.float32], reference: NDArray[np.float32], value_range: tuple[float, float]
) -> float:
    error = float(np.square(image.astype(np.float64) - reference).mean())
    if error == 0.0:
        return float("inf")
    return float(10 * np.log10((value_range[1] - value_range[0]) ** 2 / error))
