"""Removal of channels: a really smaller graph, equal to the one in which they are read as 0.

Li et al. 2017, "Pruning Filters for Efficient ConvNets" (arXiv 1608.08710), section 3.1, for any graph:
rows of what makes a channel, columns of what reads it, entries of norms and class embeddings between them.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from edgegan.compression.channels import Channels, Kept
from edgegan.compression.layer_rules import GROUPS
from edgegan.compression.ties import Ids
from edgegan.errors import ModelError
from edgegan.lowering.graph import add_parameter, annotate_shapes, argument, insert_call, path_of

aten = torch.ops.aten

TOLERANCE = 1e-5
"""Largest difference of the smaller graph from the masked one, relative to the output's range."""

_MASKS = "masks"


def remove_channels(
    graph: fx.GraphModule, channels: Channels, kept: Kept, example: tuple[torch.Tensor, ...]
) -> fx.GraphModule:
    """A copy of the graph without the channels that ``kept`` leaves out.

    Args:
        graph: simplified; left as it is.
        channels: its channels.
        kept: what stays of each group.
        example: inputs with the example batch.

    Raises:
        ModelError: if ``kept`` does not fit the graph.
    """
    _check(channels, kept)
    gone = channels.removed(kept)
    smaller = copy.deepcopy(graph)
    for item in channels.slices:
        stays = torch.from_numpy(np.flatnonzero(_stays(item.ids, gone)))
        if len(stays) < len(item.ids):
            _set(
                smaller,
                item.parameter,
                _get(smaller, item.parameter).index_select(item.axis, stays),
            )
    for node in smaller.graph.nodes:
        _resize(node, channels, gone)
    smaller.recompile()
    annotate_shapes(smaller, example)
    return smaller


def mask_channels(graph: fx.GraphModule, channels: Channels, kept: Kept) -> fx.GraphModule:
    """A copy of the graph of the same size: what is left out is multiplied by 0 where a layer reads it."""
    _check(channels, kept)
    gone = channels.removed(kept)
    masked = copy.deepcopy(graph)
    nodes = {node.name: node for node in masked.graph.nodes}
    for use in channels.uses:
        stays = _stays(use.ids, gone)
        if stays.all():
            continue
        node = nodes[use.node.name]
        source: Any = node.args[use.place]
        shape = [1] * source.meta["val"].ndim
        shape[use.axis] = len(stays)
        mask = add_parameter(
            masked, node, node.name, torch.from_numpy(stays).float().reshape(shape), _MASKS
        )
        product = insert_call(masked, node, aten.mul.Tensor, (source, mask), path_of(node))
        node.update_arg(use.place, product)
    masked.recompile()
    return masked


def _check(channels: Channels, kept: Kept) -> None:
    sizes = {group.name: len(group.ids) for group in channels.groups}
    for name, stays in kept.items():
        if name not in sizes:
            raise ModelError(
                f"{name!r} is no layer whose channels can be removed; it must be one of: "
                f"{', '.join(sizes) or 'none'}."
            )
        if (
            not stays
            or list(stays) != sorted(set(stays))
            or not 0 <= stays[0] <= stays[-1] < sizes[name]
        ):
            raise ModelError(
                f"channels to keep of {name!r} must be ascending numbers from 0 to {sizes[name] - 1}, and "
                "at least one; compress the generator again."
            )


def _resize(node: fx.Node, channels: Channels, gone: set[int]) -> None:
    """Numbers of channels among a node's arguments."""
    axes = channels.axes.get(node.name, ())
    if node.target is aten.reshape.default:
        sizes: Any = node.args[1]
        node.update_arg(1, [_left(ids, gone, size) for ids, size in zip(axes, sizes, strict=True)])
    elif node.target is aten.slice.Tensor:
        source, axis, start, *end = node.args
        ids = channels.axes[source.name][axis]  # type: ignore[union-attr, index]
        if ids is not None:
            until = int(end[0]) if end else len(ids)  # type: ignore[arg-type]
            before, within = _stays(ids[:start], gone).sum(), _stays(ids[start:until], gone).sum()
            node.args = (source, axis, int(before), int(before + within))
    elif argument(node, GROUPS, 1) != 1 and "conv" in str(node.target):
        groups = _left(axes[1], gone, argument(node, GROUPS))
        node.update_arg(GROUPS, groups)


def _left(ids: Ids | None, gone: set[int], size: int) -> int:
    """A size when ``gone`` is gone; of the batch it is -1, and stays."""
    return size if ids is None or size < 0 else int(_stays(ids, gone).sum())


def _stays(ids: Ids, gone: set[int]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.array([one not in gone for one in ids.tolist()], bool)


def _get(graph: fx.GraphModule, name: str) -> torch.Tensor:
    value: torch.Tensor = value_at(graph, name)
    return value.detach()


def value_at(graph: nn.Module, name: str) -> Any:
    """What lies at a dotted path."""
    value: Any = graph
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _set(graph: fx.GraphModule, name: str, value: torch.Tensor) -> None:
    path, _, leaf = name.rpartition(".")
    holder = value_at(graph, path) if path else graph
    if leaf in holder._parameters:
        value = nn.Parameter(value.contiguous(), requires_grad=False)
    setattr(holder, leaf, value)
