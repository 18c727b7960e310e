"""The two models of a bundle as ONNX graphs: their quantizers, their twins, and one without a layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from edgegan.errors import BundleError
from edgegan.quantization.grid import SATURATION

_REPLAYED = ("Reshape", "Transpose", "QuantizeLinear", "DequantizeLinear")
SPLIT_WEIGHT = "weight_split"
"""In the name of a weight whose outlier channels were split."""

_MOVES = ("Transpose", "Reshape", "Slice", "Concat")


@dataclass(frozen=True)
class GridQuantizer:
    """A named activation quantizer of the model: QuantizeLinear from ``source`` to ``tensor``."""

    name: str
    tensor: str
    source: str
    scale: float
    zero_point: int
    low: int
    high: int
    scale_name: str


def constants(model: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    return {tensor.name: tensor for tensor in model.graph.initializer}


def grid_groups(model: onnx.ModelProto) -> list[list[GridQuantizer]]:
    """Named activation quantizers in graph order, those of one grid together."""
    known = constants(model)
    groups: dict[str, list[GridQuantizer]] = {}
    for node in model.graph.node:
        named = node.op_type == "QuantizeLinear" and "_quantized" in node.output[0]
        if not named or node.input[1] not in known:
            continue
        scale = onnx.numpy_helper.to_array(known[node.input[1]])
        zero = onnx.numpy_helper.to_array(known[node.input[2]])
        if scale.size != 1:
            continue
        limits = np.iinfo(zero.dtype)
        name = node.input[1].removeprefix("quantizers.").removesuffix(".scale")
        groups.setdefault(node.input[1], []).append(
            GridQuantizer(
                name, node.output[0], node.input[0], float(scale.reshape(())),
                int(zero.reshape(())), limits.min, limits.max, node.input[1],
            )
        )  # fmt: skip
    return list(groups.values())


def float_twin(
    quantized: onnx.ModelProto, original: onnx.ModelProto, quantizer: GridQuantizer
) -> str:
    """The float graph's tensor that the quantizer's input is made from: same node name.

    Where values are reshaped or transposed on their way to the quantizer, ``original`` is given the same
    steps behind that node: exporters merge them differently in the two models.

    Raises:
        BundleError: if there is none.
    """
    producers = {name: node for node in quantized.graph.node for name in node.output}
    tensor, steps = quantizer.source, []
    while tensor in producers and producers[tensor].op_type in _REPLAYED:
        steps.append(producers[tensor])
        tensor = producers[tensor].input[0]
    steps = [node for node in steps if node.op_type in ("Reshape", "Transpose")]
    if tensor not in {value.name for value in quantized.graph.input}:
        tensor = _output_of_twin(producers[tensor], original)
    known = constants(quantized)
    for node in reversed(steps):
        step = onnx.NodeProto()
        step.CopyFrom(node)
        step.name = step.output[0] = f"{node.output[0]}_for_{quantizer.tensor}"
        step.input[0] = tensor
        for index, name in enumerate(node.input[1:], start=1):
            constant = original.graph.initializer.add()
            constant.CopyFrom(known[name])
            constant.name = step.input[index] = (
                f"{name}_of_{step.name}"  # names differ between models
            )
        original.graph.node.append(step)
        tensor = step.output[0]
    return tensor


def _output_of_twin(node: onnx.NodeProto, original: onnx.ModelProto) -> str:
    for twin in original.graph.node:
        if twin.name == node.name:
            return str(twin.output[0])
    raise BundleError(
        f"layer {node.name} of the quantized model has no twin in the float model; the two files "
        "do not belong together."
    )


def without_layer(
    quantized: onnx.ModelProto, original: onnx.ModelProto, group: list[GridQuantizer]
) -> onnx.ModelProto:
    """The model with one layer in float: its output's quantizers bypassed, its weights as they were."""
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
    return model


@dataclass(frozen=True)
class WeightTwin:
    """A layer's weight in both models.

    Attributes:
        layer: name of the layer's node, the same in both.
        dequantized: tensor that the quantized layer multiplies with.
        stored: initializer that it is made from.
        original: initializer of the float layer.
        lookup: of a weight on a codebook, the tensor of its indices and the initializer of its codebook.
    """

    layer: str
    dequantized: str
    stored: str
    original: str
    lookup: tuple[str, str] | None = None


def weight_twins(model: onnx.ModelProto, original: onnx.ModelProto) -> list[WeightTwin]:
    """Weights of the layers that multiply integers, in graph order.

    Those of layers whose outlier channels were split are not there: the float model has them in one piece.
    """
    producers = {name: node for node in model.graph.node for name in node.output}
    known, floats = constants(model), constants(original)
    layers = {n.name: n for n in original.graph.node if n.op_type in ("Conv", "Gemm")}
    found = []
    for node in model.graph.node:
        twin = layers.get(node.name)
        dequantize = None if twin is None else producers.get(node.input[1])
        if twin is None or dequantize is None or twin.input[1] not in floats:
            continue
        stored, lookup = dequantize.input[0], None
        while stored in producers:
            source = producers[stored]
            if source.op_type == "GatherElements":
                stored, lookup = source.input[1], (source.input[1], source.input[0])
            else:
                stored = source.input[0]
        if stored in known and SPLIT_WEIGHT not in stored:
            found.append(WeightTwin(node.name, node.input[1], stored, twin.input[1], lookup))
    return found


def _float_weights(
    model: onnx.ModelProto, original: onnx.ModelProto, group: list[GridQuantizer]
) -> dict[str, str]:
    """Adds the float weights of the layers in front of the quantizers; dequantized name → float name."""
    producers = {name: node for node in model.graph.node for name in node.output}
    twins = {twin.layer: twin for twin in weight_twins(model, original)}
    renamed = {}
    for quantizer in group:
        node = producers.get(quantizer.source)
        while node is not None and node.op_type in ("Relu", "LeakyRelu", *_REPLAYED):
            node = producers.get(node.input[0])
        twin = None if node is None else twins.get(node.name)
        if twin is None:
            continue
        renamed[twin.dequantized] = twin.original
        if twin.original not in constants(model):
            model.graph.initializer.append(constants(original)[twin.original])
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


def saturation(model: onnx.ModelProto, group: list[GridQuantizer]) -> float:
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
