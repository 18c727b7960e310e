"""Layer information of an engine, and the execution map that it amounts to.

TensorRT tells the layers of a finished engine in two ways. Its builder logs them, one a line, which needs
no GPU: that is how TensorRT-RTX engines are explained. Its inspector gives them as JSON, but only of an
engine that a GPU has loaded; its form is taken from the documentation and was never seen here.

The types are what the engine was compiled to. Which kernel multiplies is decided on the device.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import onnx

from edgegan.runtimes.base import ExecutionMap, LayerExecution
from edgegan.runtimes.macs import count_macs

_LINE = re.compile(
    r"^Name: .*?, LayerType: (?P<kind>.*?), Inputs: \[(?P<inputs>.*)\], "
    r"Constants: \[(?P<constants>.*)\], Outputs: \[.*\], TacticName: .* Metadata: (?P<metadata>.*)$",
    re.DOTALL,
)
_TYPE = re.compile(r"Datatype: (\w+)")
_NODE = re.compile(r"\[ONNX Layer: ([^\]]*)\]")
_POINTWISE = frozenset({"kgen", "Reformat", "NoOp", "PointWise", "Scale"})
"""Kinds that scale, round, shuffle and add. They carry the names of the layers whose ends they do."""


@dataclass(frozen=True)
class EngineLayer:
    """A layer of an engine.

    Attributes:
        kind: TensorRT's word for what executes it, e.g. ``correlation``.
        inputs: types of what flows in, data first: ``Int8``, ``Float``, ``Half``, ...
        constants: types of what the engine holds for it, weights first.
        nodes: names of the ONNX nodes that went into it.
    """

    kind: str
    inputs: tuple[str, ...]
    constants: tuple[str, ...]
    nodes: tuple[str, ...]

    @property
    def multiplies_int8(self) -> bool:
        """Whether both factors are int8: the data, and a constant or another input."""
        return self.inputs[:1] == ("Int8",) and "Int8" in (*self.constants, *self.inputs[1:])


def from_build_log(messages: list[tuple[str, str]]) -> tuple[EngineLayer, ...]:
    """Layers that the builder logged, with detailed verbosity; none if it logged none."""
    listings = [text for _, text in messages if text.startswith("Layers:\n")]
    found = [_LINE.match(line) for text in listings for line in text.split("\n")]
    return tuple(
        EngineLayer(
            match["kind"],
            tuple(_TYPE.findall(match["inputs"])),
            tuple(_TYPE.findall(match["constants"])),
            tuple(_NODE.findall(match["metadata"])),
        )
        for match in found
        if match
    )


def from_inspector(text: str) -> tuple[EngineLayer, ...]:
    """Layers of ``EngineInspector.get_engine_information(JSON)``, of TensorRT 10.x and 11.x.

    10.x gives a tensor's type within ``Format/Datatype`` ("Row major linear FP32 format"), 11.x in a
    field of its own. Engines built without detailed verbosity give names only, and so no layers here.
    """
    layers = [layer for layer in json.loads(text).get("Layers", []) if isinstance(layer, dict)]
    return tuple(
        EngineLayer(
            str(layer.get("LayerType", "")),
            tuple(_type_name(tensor) for tensor in layer.get("Inputs", [])),
            _constant_types(layer),
            tuple(_NODE.findall(str(layer.get("Metadata", "")))),
        )
        for layer in layers
    )


def execution_map(layers: tuple[EngineLayer, ...], model: onnx.ModelProto) -> ExecutionMap:
    """What the engine made of the model's layers.

    A layer that the engine does not name counts as float.
    """
    executions = []
    for name, (operator, macs) in count_macs(model).items():
        layer = _computing(name, layers)
        precision = "int8" if layer and layer.multiplies_int8 else "float"
        kernel = layer.kind if layer else operator
        executions.append(LayerExecution(name, operator, kernel, precision, macs))
    kinds = Counter(layer.kind for layer in layers if layer.inputs or layer.constants)
    return ExecutionMap(tuple(executions), dict(sorted(kinds.items())))


def _computing(name: str, layers: tuple[EngineLayer, ...]) -> EngineLayer | None:
    """The layer that multiplies: of those that name the node, the first that is not pointwise."""
    naming = [layer for layer in layers if name in layer.nodes]
    return next(
        (layer for layer in naming if layer.kind not in _POINTWISE), next(iter(naming), None)
    )


def _constant_types(layer: dict[str, Any]) -> tuple[str, ...]:
    weights = layer.get("Weights")
    named = (str(weights["Type"]),) if isinstance(weights, dict) and "Type" in weights else ()
    return named + tuple(_type_name(tensor) for tensor in layer.get("Constants", []))


def _type_name(tensor: dict[str, Any]) -> str:
    text = next((str(v) for k, v in tensor.items() if "datatype" in k.lower()), "")
    for pattern, name in (("int8", "Int8"), ("fp16|half", "Half"), ("fp32|float", "Float")):
        if re.search(pattern, text, re.IGNORECASE):
            return name
    return text
