"""Data movement that cancels or composes is written once.

Reshapes of reshapes, permutations of permutations, reshapes to the same shape, and permutations that
only carry axes of length 1 around (which move nothing: they are reshapes).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from edgegan.lowering.graph import EXAMPLE_BATCH, is_call, shape_of, tidy
from edgegan.lowering.rewrite import Rewrite
from edgegan.targets import LoweringProfile

aten = torch.ops.aten


class MergeMovement:
    name = "merge-movement"
    requires: frozenset[object] = frozenset()
    ensures: frozenset[object] = frozenset()

    def __call__(self, graph: fx.GraphModule, profile: LoweringProfile) -> list[Rewrite]:
        for node in list(graph.graph.nodes):
            if is_call(node, aten.permute.default):
                _merge_permute(node)
            if is_call(node, aten.reshape.default):
                _merge_reshape(node)
        tidy(graph)
        return []


def _merge_permute(node: fx.Node) -> None:
    source: fx.Node = node.args[0]  # type: ignore[assignment]
    order = _axes(node)
    if is_call(source, aten.permute.default):
        inner = _axes(source)
        order = [inner[axis] for axis in order]
        source = source.args[0]  # type: ignore[assignment]
        node.args = (source, order)
    shape = shape_of(source)
    kept = [axis for axis in order if shape[axis] != 1]
    if order[0] == 0 and kept == sorted(kept):
        node.target = aten.reshape.default
        node.args = (source, [-1, *shape_of(node)[1:]])


def _axes(permute: fx.Node) -> list[int]:
    """Its axes, counted from 0."""
    axes: list[int] = permute.args[1]  # type: ignore[assignment]
    return [axis % len(axes) for axis in axes]


def _merge_reshape(node: fx.Node) -> None:
    source: fx.Node = node.args[0]  # type: ignore[assignment]
    target: list[Any] = list(node.args[1])  # type: ignore[arg-type]
    if is_call(source, aten.reshape.default) and target[:1] == [-1]:
        source = source.args[0]  # type: ignore[assignment]
        node.args = (source, target)
    batched = shape_of(source)[0] == EXAMPLE_BATCH and target[:1] == [-1]
    if batched and shape_of(source) == shape_of(node):
        node.replace_all_uses_with(source)
