"""Matrix products between pixels in channels-last order, where pictures become matrices for free.

Attention flattens ``[N, C, H, W]`` to ``[N, C, H·W]``. Integer convolutions are channels-last, so what they
hold is ``[N, H·W, C]``: flattened that way, nothing is transposed but the keys. A product of transposed
matrices is the transposed product of the matrices in the other order, ``AᵀBᵀ = (BA)ᵀ``.
"""

from __future__ import annotations

import torch
from torch import fx

from edgegan.lowering.graph import insert_call, is_call, path_of, shape_of, tidy
from edgegan.lowering.merge_movement import MergeMovement
from edgegan.lowering.rewrite import Rewrite
from edgegan.targets import LoweringProfile

aten = torch.ops.aten

PRODUCTS = (aten.bmm.default, aten.matmul.default)
"""Matrix products, of two activations or of one and a constant."""


class ChannelsLastProducts:
    name = "channels-last-products"
    requires: frozenset[object] = frozenset({aten.transpose.int})
    ensures: frozenset[object] = frozenset()

    def __call__(self, graph: fx.GraphModule, profile: LoweringProfile) -> list[Rewrite]:
        if not profile.channels_last:
            return []
        for node in list(graph.graph.nodes):
            if is_call(node, aten.reshape.default):
                _reshape(graph, node)
        MergeMovement()(graph, profile)
        done = []
        for node in list(graph.graph.nodes):
            if is_call(node, *PRODUCTS) and _swapping_pays(node):
                _swap(graph, node)
                done.append(Rewrite(self.name, path_of(node), "transposed product"))
        tidy(graph)
        return done


def _reshape(graph: fx.GraphModule, node: fx.Node) -> None:
    """Write ``[N, C, H, W]`` to ``[N, C, H·W]``, and back, by way of channels-last order."""
    source: fx.Node = node.args[0]  # type: ignore[assignment]
    before, after = shape_of(source), shape_of(node)
    if before[:2] != after[:2] or {len(before), len(after)} != {3, 4}:
        return
    orders = {3: [0, 2, 1], 4: [0, 2, 3, 1]}
    back = {3: [0, 2, 1], 4: [0, 3, 1, 2]}
    path = path_of(node)
    last = insert_call(graph, node, aten.permute.default, (source, orders[len(before)]), path)
    shape = [-1, *after[2:], after[1]]
    flat = insert_call(graph, node, aten.reshape.default, (last, shape), path)
    result = insert_call(graph, node, aten.permute.default, (flat, back[len(after)]), path)
    node.replace_all_uses_with(result)


def _swapping_pays(node: fx.Node) -> bool:
    """Whether most of the product's three tensors are, or are read, transposed."""
    operands = [_is_transposed(operand) for operand in node.all_input_nodes]
    read = all(_is_transposed(user) for user in node.users)
    matrices = len(operands) == 2 and len(shape_of(node)) == 3
    return matrices and sum(operands) + read >= 2


def _is_transposed(node: fx.Node) -> bool:
    return is_call(node, aten.permute.default) and list(node.args[1]) == [0, 2, 1]  # type: ignore[arg-type]


def _swap(graph: fx.GraphModule, node: fx.Node) -> None:
    path = path_of(node)
    a, b = (
        insert_call(graph, node, aten.permute.default, (operand, [0, 2, 1]), path)
        for operand in node.args[:2]
    )
    product = insert_call(graph, node, node.target, (b, a), path)
    result = insert_call(graph, node, aten.permute.default, (product, [0, 2, 1]), path)
    node.replace_all_uses_with(result)
