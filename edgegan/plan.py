"""`edgegan export --dry-run`: what an export would do, from the graph alone; nothing is calibrated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from edgegan.lowering.channels_last_products import PRODUCTS
from edgegan.lowering.expand_phases import EXPAND_PHASES, stored_weight
from edgegan.lowering.graph import is_call, is_parameter, path_of, shape_of
from edgegan.lowering.hoist_activation import SELECTION
from edgegan.quantization.fake_quantize import FAKE_QUANTIZE
from edgegan.quantization.placement import QUANTIZERS, WEIGHT_QUANTIZERS, Placed
from edgegan.quantization.placement_rules import ABSORBED, JOINS, LAYERS, is_gate
from edgegan.quantization.weights import FLOAT
from edgegan.workbench import Workbench

aten = torch.ops.aten
SCHEMA = "edgegan.plan/1"

_ON_INTEGERS = (*ABSORBED, aten.cat.default, aten.avg_pool2d.default)
_NO_COMPUTATION = (*WEIGHT_QUANTIZERS, EXPAND_PHASES, aten.constant_pad_nd.default)
_OVERHEAD = 400
"""Bytes of an ONNX node with its names; small beside the weights."""


@dataclass(frozen=True)
class PlannedLayer:
    """One layer with a weight.

    Attributes:
        layer: path of the user's module.
        operator: ``convolution`` or ``linear``.
        precision: ``int8`` or ``float``.
        weight_bits: as stored.
        parameters: of the weight.
        output: shape of one sample's output.
    """

    layer: str
    operator: str
    precision: str
    weight_bits: int
    parameters: int
    output: tuple[int, ...]


def plan(bench: Workbench, target: str) -> dict[str, Any]:
    """Layers, precision, expected float islands and size for a target, as a JSON document.

    Of a recipe that compresses, those of the smaller generator; ``float_bytes`` are the original's.
    """
    bench = bench.outlined()
    graph = bench.placed.graph
    nodes = [node for node in graph.graph.nodes if is_call(node, *LAYERS)]
    layers = [_layer(node, bench.placed) for node in nodes]
    before = sum(p.numel() for p in bench.original.parameters()) * 4
    stored = {stored_weight(node.args[1]): layer for node, layer in zip(nodes, layers, strict=True)}
    after = sum(math.ceil(layer.parameters * layer.weight_bits / 8) for layer in stored.values())
    after += sum(
        p.numel() * _bytes_a_value(name, bench.placed)
        for name, p in graph.named_parameters()
        if not _is_quantized_weight(graph, name)
    )
    calls = sum(node.op == "call_function" for node in graph.graph.nodes)
    return {
        "schema": SCHEMA,
        "name": bench.resolved.recipe.name,
        "target": target,
        "rewrites": [vars(rewrite) for rewrite in bench.lowered.rewrites],
        "layers": [vars(layer) for layer in layers],
        "islands": _islands(graph),
        "kept_float": list(bench.placed.kept_float),
        "float_bytes": before,
        "quantized_bytes": after + calls * _OVERHEAD,
    }


def _layer(node: fx.Node, placed: Placed) -> PlannedLayer:
    weight: Any = stored_weight(node.args[1])  # type: ignore[arg-type]
    quantized = is_call(weight, *WEIGHT_QUANTIZERS)
    integer = any(quantizer.kind == "activation" for quantizer in placed.quantizers.values())
    weights = placed.quantizers[weight.meta["quantizer"]].weights if quantized else FLOAT
    assert weights is not None, "a weight's quantizer"
    return PlannedLayer(
        layer=path_of(node),
        operator="linear" if is_call(node, aten.linear.default) else "convolution",
        precision="int8" if quantized and integer else "float",
        weight_bits=weights.stored_bits,
        parameters=math.prod(shape_of(weight)),
        output=shape_of(node)[1:],
    )


def _bytes_a_value(parameter: str, placed: Placed) -> int:
    """In the file. Codebooks are int8 and beside packed indices alone; thresholds have served."""
    owner, _, field = parameter.rpartition(".")
    if not parameter.startswith(f"{QUANTIZERS}.") or field not in ("codebook", "thresholds"):
        return 4
    weights = placed.quantizers[owner.removeprefix(f"{QUANTIZERS}.")].weights
    return int(field == "codebook" and weights is not None and weights.stored_bits < 8)


def _is_quantized_weight(graph: fx.GraphModule, name: str) -> bool:
    return any(
        is_call(node, *WEIGHT_QUANTIZERS)
        and is_parameter(node.args[0])
        and node.args[0].target == name
        for node in graph.graph.nodes
    )


def _islands(graph: fx.GraphModule) -> list[dict[str, str]]:
    """Operators that will compute in float, with the layer they belong to."""
    found = []
    for node in graph.graph.nodes:
        value = node.meta.get("val")
        computes = node.op == "call_function" and isinstance(value, torch.Tensor)
        if not computes or is_call(node, *_NO_COMPUTATION, *SELECTION):
            continue
        inputs = [arg for arg in node.all_input_nodes if not is_parameter(arg)]
        known = is_call(node, *LAYERS, *JOINS, *PRODUCTS, *_ON_INTEGERS) or is_gate(node)
        integer = known and _has_quantizers(node, inputs)
        if not integer:
            operator = str(node.target).removeprefix("aten.").partition(".")[0]
            found.append({"layer": path_of(node), "operator": operator})
    return found


def _has_quantizers(node: fx.Node, inputs: list[fx.Node]) -> bool:
    """Whether the operator reads a grid, or belongs to a layer in front of it that does."""

    def on_grid(value: fx.Node) -> bool:
        while is_call(value, *SELECTION, aten.constant_pad_nd.default):
            value = value.args[0]  # type: ignore[assignment]
        return is_call(value, FAKE_QUANTIZE)

    if is_call(node, *ABSORBED):
        return is_call(inputs[0], *LAYERS, *JOINS) or on_grid(inputs[0])
    return bool(inputs) and all(on_grid(value) for value in inputs)
