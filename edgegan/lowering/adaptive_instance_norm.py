"""Adaptive instance norm in one operator: ``gain · norm(x) + bias`` with gain and bias a sample's own.

Huang and Belongie 2017 (arXiv 1703.06868), equation 8; StyleGAN, equation 1. An instance norm's own scale
and shift are one number a channel. With the samples' channels side by side, ``[1, N·C, H, W]``, they are
one a sample and channel: product and sum join the island that the norm is anyway, and two roundings and two
walks over the feature map are saved.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from edgegan.lowering.graph import insert_call, is_call, path_of, shape_of, tidy
from edgegan.lowering.rewrite import Rewrite
from edgegan.targets import LoweringProfile

aten = torch.ops.aten

_STATISTICS = 5
"""Position of ``use_input_stats`` among the arguments of instance norm."""


class FoldAdaptiveInstanceNorm:
    name = "fold-adaptive-instance-norm"
    requires: frozenset[object] = frozenset()
    ensures: frozenset[object] = frozenset()

    def __call__(self, graph: fx.GraphModule, profile: LoweringProfile) -> list[Rewrite]:
        if not profile.adaptive_norms:
            return []
        done = []
        for node in list(graph.graph.nodes):
            found = _match(node)
            if found is not None:
                path = path_of(found[0])
                node.replace_all_uses_with(_one(graph, node, *found))
                done.append(Rewrite(self.name, path, "one instance norm"))
        tidy(graph)
        return done


def _match(node: fx.Node) -> tuple[fx.Node, fx.Node, fx.Node] | None:
    """Norm, gain and bias, if ``node`` is the sum."""
    for product, bias in _operands(node, aten.add.Tensor):
        for norm, gain in _operands(product, aten.mul.Tensor):
            plain = is_call(norm, aten.instance_norm.default) and norm.args[1:5] == (None,) * 4
            alone = len(product.users) == 1 and len(norm.users) == 1
            if plain and alone and norm.args[_STATISTICS] and _is_style(gain, norm):
                return (norm, gain, bias) if _is_style(bias, norm) else None
    return None


def _operands(node: Any, target: object) -> list[tuple[Any, Any]]:
    """Both orders of the operands of a ``target``; none of anything else."""
    if not is_call(node, target) or node.kwargs or len(node.all_input_nodes) != 2:
        return []
    a, b = node.args[:2]
    return [(a, b), (b, a)]


def _is_style(value: fx.Node, norm: fx.Node) -> bool:
    """Whether ``value`` is one number a sample and channel."""
    shape = shape_of(norm)
    return len(shape) == 4 and shape_of(value) == (*shape[:2], 1, 1)


def _one(
    graph: fx.GraphModule, node: fx.Node, norm: fx.Node, gain: fx.Node, bias: fx.Node
) -> fx.Node:
    _, channels, height, width = shape_of(norm)
    path = path_of(norm)

    def call(target: object, *args: object) -> fx.Node:
        return insert_call(graph, node, target, args, path)

    flat = call(aten.reshape.default, norm.args[0], [1, -1, height, width])
    styles = [call(aten.reshape.default, value, [-1]) for value in (gain, bias)]
    normalized = call(aten.instance_norm.default, flat, *styles, *norm.args[3:])
    return call(aten.reshape.default, normalized, [-1, channels, height, width])
