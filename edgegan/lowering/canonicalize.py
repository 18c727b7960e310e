"""One spelling for each thing: no copies, ``reshape`` for views, slices for splits, the batch as -1."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx

from edgegan.lowering.graph import EXAMPLE_BATCH, argument, is_call, shape_of, tidy
from edgegan.lowering.rewrite import Rewrite
from edgegan.targets import LoweringProfile

aten = torch.ops.aten

_COPIES: frozenset[object] = frozenset(
    {
        aten.clone.default,
        aten.detach.default,
        aten.alias.default,
        aten.lift_fresh_copy.default,
        aten.contiguous.default,
    }
)
_VIEWS: frozenset[object] = frozenset(
    {aten.view.default, aten._unsafe_view.default, aten.flatten.using_ints, aten.unflatten.int}
)
_SPLITS = (aten.split.Tensor, aten.split_with_sizes.default, aten.chunk.default)


class Canonicalize:
    name = "canonicalize"
    requires: frozenset[object] = frozenset()
    ensures = _COPIES | _VIEWS | {aten.transpose.int}

    def __call__(self, graph: fx.GraphModule, profile: LoweringProfile) -> list[Rewrite]:
        for node in list(graph.graph.nodes):
            if is_call(node, *_COPIES):
                node.replace_all_uses_with(node.args[0])
            elif is_call(node, *_VIEWS):
                node.target = aten.reshape.default
                node.args = (node.args[0], _static_shape(node))
                node.kwargs = {}
            elif is_call(node, aten.pad.default) and argument(node, 2, "constant") == "constant":
                node.target = aten.constant_pad_nd.default
                node.args = (node.args[0], node.args[1], argument(node, 3) or 0)
            elif is_call(node, aten.transpose.int):
                node.target = aten.permute.default
                node.args = (node.args[0], _exchanged(node))
            elif is_call(node, aten.reshape.default):
                node.args = (node.args[0], _static_shape(node))
            elif is_call(node, operator.getitem) and is_call(node.args[0], *_SPLITS):
                _write_slice(node)
            elif is_call(node, aten.unsqueeze.default, aten.squeeze.dims, aten.squeeze.dim) and (
                shape_of(node)[:1] == (EXAMPLE_BATCH,)
            ):
                node.target = aten.reshape.default
                node.args = (node.args[0], _static_shape(node))
                node.kwargs = {}
        tidy(graph)
        return []


def _write_slice(node: fx.Node) -> None:
    """One part of a split is a slice."""
    arguments: Any = node.args
    split, index = arguments
    axis = argument(split, 2, split.kwargs.get("dim", 0))
    sizes = [part.shape[axis] for part in split.meta["val"]]
    start = sum(sizes[:index])
    node.target = aten.slice.Tensor
    node.args = (split.args[0], axis, start, start + sizes[index])


def _exchanged(transpose: fx.Node) -> list[int]:
    """The axes in order, but for the two that are exchanged."""
    axes = list(range(len(shape_of(transpose))))
    _, *exchanged = transpose.args
    first, second = (axes[axis] for axis in exchanged)  # type: ignore[index]
    axes[first], axes[second] = second, first
    return axes


def _static_shape(node: fx.Node) -> list[object]:
    """The reshape's target with -1 for the batch, or as it was where the batch moved elsewhere."""
    source, result = shape_of(node.args[0]), shape_of(node)  # type: ignore[arg-type]
    if source[:1] == (EXAMPLE_BATCH,) and result[:1] == (EXAMPLE_BATCH,):
        return [-1, *result[1:]]
    requested = node.args[1] if len(node.args) > 1 else list(result)
    return list(requested)  # type: ignore[arg-type]
