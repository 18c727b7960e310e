"""Which operators of a QDQ model compute in float between its quantizers.

For runtimes whose compiled graph does not tell it: they compute a whole chain of operators in one kernel,
whose ends alone are integers.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import onnx

_LAYERS = frozenset({"Conv", "Gemm", "MatMul"})
_CONVEYS = frozenset(
    {"QuantizeLinear", "DequantizeLinear", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Identity",
     "Slice", "Concat", "Gather", "Split", "Pad", "DepthToSpace", "Cast", "Shape", "Expand", "Tile",
     "MaxPool", "Constant"}
)  # fmt: skip
_ON_INTEGERS = frozenset({"Add", "Mul", "Relu", "LeakyRelu", "Sigmoid", "AveragePool"})
"""Islands only where they neither read nor write a grid."""


def islands_of(model: onnx.ModelProto) -> dict[str, int]:
    """Operators that compute in float, and how often; layers with multiplications are not looked at."""
    counts = Counter(_Islands(model.graph).operators())
    return dict(sorted(counts.items()))


class _Islands:
    def __init__(self, graph: onnx.GraphProto) -> None:
        self.nodes = graph.node
        self.outputs = {value.name for value in graph.output}
        self.producers = {name: node for node in graph.node for name in node.output}
        self.readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in graph.node:
            for name in node.input:
                self.readers[name].append(node)

    def operators(self) -> list[str]:
        return [
            node.op_type
            for node in self.nodes
            if node.op_type not in _LAYERS | _CONVEYS
            and not (node.op_type in _ON_INTEGERS and self._reads(node) and self._writes(node))
        ]

    def _reads(self, node: onnx.NodeProto) -> bool:
        """Whether it computes from integers, perhaps behind the layer that it belongs to."""
        sources = [self.producers[name] for name in node.input if name in self.producers]
        return all(
            source.op_type == "DequantizeLinear"
            or (source.op_type in _LAYERS | _ON_INTEGERS and self._reads(source))
            for source in sources
        )

    def _writes(self, node: onnx.NodeProto) -> bool:
        """Whether all that reads it quantizes, perhaps behind an activation."""
        readers = self.readers[node.output[0]]
        return node.output[0] not in self.outputs and all(
            reader.op_type == "QuantizeLinear"
            or (reader.op_type in {"Relu", "LeakyRelu"} and self._writes(reader))
            for reader in readers
        )
