"""The channels of a captured graph: which belong together, which can be removed, and where they are.

Every place along a channel axis is a variable. A layer with a weight makes new ones; operators that work
channel by channel hand them on, and those that put channels of two tensors together tie them. What ends in
the picture, or in an operator that is not known to work channel by channel, stays. What is left can be
removed: along every axis of a parameter that carries it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import fx

from edgegan.compression.layer_rules import LAYER_RULES
from edgegan.compression.movement_rules import MOVEMENT_RULES, pointwise
from edgegan.compression.ties import Ids
from edgegan.compression.walk import Walk
from edgegan.lowering.canonicalize import Canonicalize
from edgegan.lowering.fold_constants import FoldConstants
from edgegan.lowering.graph import annotate_shapes
from edgegan.targets import ORT_LOWERING

Kept = dict[str, tuple[int, ...]]
"""Channels that stay, by group, ascending; a group that is not named stays whole."""


@dataclass(frozen=True)
class Slice:
    """An axis of a parameter that carries removable channels.

    Attributes:
        parameter: its path in the graph.
        axis: of the parameter.
        makes: whether a layer's weight makes them here.
        ids: of its places; see ``Channels.groups``.
    """

    parameter: str
    axis: int
    makes: bool
    ids: Ids


@dataclass(frozen=True)
class Group:
    """Channels that the same layers make and read.

    Attributes:
        name: the layer that makes them first.
        ids: one for each channel.
    """

    name: str
    ids: Ids


@dataclass(frozen=True)
class Use:
    """A layer that sums over channels: what is 0 here need not be there.

    Attributes:
        node, place: the layer, and which of its arguments.
        axis: of that tensor.
        ids: of its places.
    """

    node: fx.Node
    place: int
    axis: int
    ids: Ids


@dataclass(frozen=True)
class Channels:
    """What is known of a graph's channels; ids are of whole sets of tied variables.

    Attributes:
        groups: what can be removed.
        slices: of all parameters.
        uses: of all tensors.
        axes: by node name, for each axis of the tensor its ids, or None where it has no channels.
    """

    groups: tuple[Group, ...]
    slices: tuple[Slice, ...]
    uses: tuple[Use, ...]
    axes: dict[str, tuple[Ids | None, ...]]

    def removed(self, kept: Kept) -> set[int]:
        """Ids of all that ``kept`` leaves out."""
        gone: set[int] = set()
        for group in self.groups:
            stays = kept.get(group.name)
            if stays is not None:
                gone |= set(group.ids.tolist()) - set(group.ids[list(stays)].tolist())
        return gone


def simplified(graph: fx.GraphModule, example: tuple[torch.Tensor, ...]) -> fx.GraphModule:
    """The graph, changed in place, as ``find_channels`` reads it.

    Weights are plain parameters (spectral norm is folded), views are reshapes.
    """
    FoldConstants()(graph, ORT_LOWERING)
    Canonicalize()(graph, ORT_LOWERING)
    annotate_shapes(graph, example)
    return graph


def find_channels(graph: fx.GraphModule) -> Channels:
    """Of a simplified graph."""
    walk = Walk(LAYER_RULES | MOVEMENT_RULES, otherwise=pointwise)
    for node in graph.graph.nodes:
        walk.visit(node)
    walk.finish()
    root = walk.ties.root
    slices = tuple(
        Slice(name, axis, makes, root(ids)) for (name, axis), (ids, makes) in walk.slices.items()
    )
    uses = tuple(Use(node, place, axis, root(ids)) for node, place, axis, ids in walk.uses)
    axes = {
        node.name: tuple(None if ids is None else root(ids) for ids in layout)
        for node, layout in walk.layouts.items()
    }
    makers = {int(one): path for ids, path in reversed(walk.makers) for one in root(ids)}
    return Channels(_groups(slices, walk.ties.pinned(), makers), slices, uses, axes)


def _groups(
    slices: tuple[Slice, ...], pinned: set[int], makers: dict[int, str]
) -> tuple[Group, ...]:
    """By the set of axes that carry them."""
    where: dict[int, list[tuple[str, int]]] = {}
    for item in slices:
        for one in np.unique(item.ids).tolist():
            where.setdefault(one, []).append((item.parameter, item.axis))
    members: dict[tuple[tuple[str, int], ...], list[int]] = {}
    for one in sorted(where):
        if one not in pinned and one in makers:
            members.setdefault(tuple(where[one]), []).append(one)
    groups: dict[str, Group] = {}
    for ids in members.values():
        name, count = makers[ids[0]], 1
        while name in groups:
            name, count = f"{makers[ids[0]]}.{count}", count + 1
        if len(ids) > 1:
            groups[name] = Group(name, np.array(ids, np.int64))
    return tuple(groups.values())
