"""Class-conditional batch norm behind no layer: its statistics fold into the gains and biases.

    (a·x + b)·g(y) + t(y) = x·(a·g(y)) + (b·g(y) + t(y))

Where g and t are rows of tables, or linear layers on one vector, so are both brackets: one
multiplication and one addition remain (de Vries et al. 2017, arXiv 1707.00683, section 3).
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from edgegan.lowering.affine import Affine
from edgegan.lowering.affine_before import taken_before
from edgegan.lowering.columns import (
    follow,
    input_of,
    insert_layer,
    is_vector_layer,
    rows_of,
)
from edgegan.lowering.graph import insert_call, is_call, path_of, shape_of, tidy
from edgegan.lowering.layer_scale import NORMS, affine_of
from edgegan.lowering.rewrite import Rewrite
from edgegan.targets import LoweringProfile

aten = torch.ops.aten


@dataclass(frozen=True)
class _Conditional:
    """``norm·gain + bias``; gain and bias ``[N, C, 1, 1]``."""

    norm: fx.Node
    product: fx.Node
    gain: fx.Node
    bias: fx.Node


class FoldConditionalNorm:
    name = "fold-conditional-norm"
    requires: frozenset[object] = frozenset({aten.view.default, aten._unsafe_view.default})
    ensures: frozenset[object] = frozenset()

    def __call__(self, graph: fx.GraphModule, profile: LoweringProfile) -> list[Rewrite]:
        done = []
        for node in list(graph.graph.nodes):
            found = _conditional(node)
            if found is not None and _fold(graph, node, found):
                done.append(Rewrite(self.name, path_of(found.norm), "one gain, one bias"))
        tidy(graph)
        return done


def _conditional(node: fx.Node) -> _Conditional | None:
    if not is_call(node, aten.add.Tensor) or node.kwargs:
        return None
    for product, bias in _either(node):
        if not is_call(product, aten.mul.Tensor) or len(product.users) != 1:
            continue
        for output, gain in _either(product):
            if not is_call(output, operator.getitem) or not is_call(output.args[0], *NORMS):
                continue
            if len(output.users) == 1 and _is_vector(gain) and _is_vector(bias):
                return _Conditional(output.args[0], product, gain, bias)
    return None


def _either(node: fx.Node) -> list[tuple[Any, Any]]:
    """The operands in both orders."""
    a, b = node.args[:2]
    return [(a, b), (b, a)]


def _is_vector(node: Any) -> bool:
    """Whether ``node`` is ``[N, C, 1, 1]``."""
    return isinstance(node, fx.Node) and shape_of(node)[2:] == (1, 1)


def _fold(graph: fx.GraphModule, node: fx.Node, found: _Conditional) -> bool:
    scale, shift = affine_of(graph, found.norm)
    source: fx.Node = found.norm.args[0]  # type: ignore[assignment]
    affine = Affine.of_channels(scale, shift, len(shape_of(source)))
    if taken_before(graph, source, affine) is not None:
        return False  # it folds there
    gain, bias = follow(graph, found.gain), follow(graph, found.bias)
    if gain is None or bias is None or not _alike(gain.source, bias.source):
        return False
    gain_rows, gain_bias = rows_of(graph, gain)
    bias_rows, bias_bias = rows_of(graph, bias)
    path, shape = path_of(found.norm), list(shape_of(found.gain)[1:])
    gains = gain_rows * scale[:, None], gain_bias * scale
    biases = bias_rows + gain_rows * shift[:, None], bias_bias + gain_bias * shift
    factor = insert_layer(graph, found.product, gain.source, *gains, shape)
    addend = insert_layer(graph, found.product, bias.source, *biases, shape)
    product = insert_call(graph, node, aten.mul.Tensor, (source, factor), path)
    node.replace_all_uses_with(insert_call(graph, node, aten.add.Tensor, (product, addend), path))
    return True


def _alike(a: fx.Node, b: fx.Node) -> bool:
    layers = is_vector_layer(a) and is_vector_layer(b) and a.target is b.target
    return layers and input_of(a) is input_of(b)
