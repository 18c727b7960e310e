"""Matrix products with a constant, in one spelling: a linear layer on ``[N, C]``.

Runtimes have an integer kernel with bias and requantization for two axes; for more, ONNX Runtime's
returns to float. The axes in front of the last are counted as batch.
"""

from __future__ import annotations

import torch
from torch import fx

from edgegan.lowering.graph import (
    add_parameter,
    argument,
    insert_call,
    is_call,
    is_parameter,
    path_of,
    read_parameter,
    shape_of,
    tidy,
)
from edgegan.lowering.rewrite import Rewrite
from edgegan.targets import LoweringProfile

aten = torch.ops.aten


class FlattenLinear:
    name = "flatten-linear"
    requires: frozenset[object] = frozenset()
    ensures: frozenset[object] = frozenset()

    def __call__(self, graph: fx.GraphModule, profile: LoweringProfile) -> list[Rewrite]:
        done = []
        for node in list(graph.graph.nodes):
            if _is_constant_product(node):
                _transpose(graph, node)
                done.append(Rewrite(self.name, path_of(node), "linear layer"))
            if _is_linear(node) and len(shape_of(node)) > 2:
                _flatten(graph, node)
                done.append(Rewrite(self.name, path_of(node), "linear layer on rows"))
        tidy(graph)
        return done


def _is_linear(node: fx.Node) -> bool:
    return is_call(node, aten.linear.default) and is_parameter(node.args[1])


def _is_constant_product(node: fx.Node) -> bool:
    """``x @ W`` with a matrix ``W``."""
    if not is_call(node, aten.matmul.default, aten.mm.default):
        return False
    activation, matrix = node.args[:2]
    is_matrix = is_parameter(matrix) and len(shape_of(matrix)) == 2  # type: ignore[arg-type]
    return is_matrix and not is_parameter(activation) and len(shape_of(node)) >= 2


def _transpose(graph: fx.GraphModule, node: fx.Node) -> None:
    source, matrix = node.args[:2]
    weight = read_parameter(graph, matrix).t()  # type: ignore[arg-type]
    node.target = aten.linear.default
    node.args = (source, add_parameter(graph, node, path_of(node) + ".weight", weight), None)


def _flatten(graph: fx.GraphModule, node: fx.Node) -> None:
    path = path_of(node)
    outputs, inputs = shape_of(node.args[1])  # type: ignore[arg-type]
    rows = insert_call(graph, node, aten.reshape.default, (node.args[0], [-1, inputs]), path)
    args = (rows, node.args[1], argument(node, 2))
    product = insert_call(graph, node, aten.linear.default, args, path)
    shape = [-1, *shape_of(node)[1:-1], outputs]
    node.replace_all_uses_with(
        insert_call(graph, node, aten.reshape.default, (product, shape), path)
    )
