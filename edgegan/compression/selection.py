"""Which channels go when they are chosen by what they weigh, and how many."""

from __future__ import annotations

from fnmatch import fnmatchcase

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx

from edgegan.compression.channels import Channels, Group, Kept, Slice
from edgegan.compression.graph_student import gain_names
from edgegan.compression.masks import kept_count
from edgegan.compression.sections import PruningSection
from edgegan.errors import ModelError, RecipeError

_STEPS = 200


def choose(graph: fx.GraphModule, channels: Channels, section: PruningSection) -> Kept:
    """What stays of each group.

    Of ``l1`` the channels whose weights have the largest absolute sums (Li et al. 2017, section 3.1); where
    several layers make a channel, the sum of these, each relative to its layer's mean. Of ``slimming``
    those with the largest absolute gains.

    Raises:
        RecipeError: if no layer is left to choose from, or the parameters cannot become so few.
        ModelError: if no norm has gains.
    """
    weights = _slices(graph, channels, section.method)
    named = [g for g in channels.groups if any(fnmatchcase(g.name, p) for p in section.layers)]
    ranked = {g.name: r for g in named if (r := _ranked(graph, g, weights)) is not None}
    if not ranked:
        known = ", ".join(group.name for group in channels.groups) or "none"
        raise RecipeError(
            f"compress.pruning: no layer of {', '.join(section.layers)} has channels that can be removed; "
            f"layers: {known}."
        )

    def keep(ratio: float) -> Kept:
        return {
            name: tuple(sorted(order[: kept_count(len(order), ratio, section.multiple)].tolist()))
            for name, order in ranked.items()
        }

    if section.ratio is not None:
        return keep(section.ratio)
    assert section.parameters is not None
    allowed = section.parameters * parameters_left(graph, channels, {})
    for step in range(_STEPS):
        kept = keep(step / _STEPS)
        if parameters_left(graph, channels, kept) <= allowed:
            return kept
    least = parameters_left(graph, channels, kept) / allowed * section.parameters
    raise RecipeError(
        f"compress.pruning.parameters: what cannot be pruned is more than {section.parameters:g} of the "
        f"generator; raise it to {least:.2f}."
    )


def parameters_left(graph: fx.GraphModule, channels: Channels, kept: Kept) -> int:
    """Parameters of the graph without the channels that ``kept`` leaves out."""
    gone = channels.removed(kept)
    sizes = {name: list(value.shape) for name, value in graph.named_parameters()}
    for item in channels.slices:
        if item.parameter in sizes:
            left = sum(one not in gone for one in item.ids.tolist())
            sizes[item.parameter][item.axis] = left
    return sum(int(np.prod(shape)) for shape in sizes.values())


def _slices(graph: fx.GraphModule, channels: Channels, method: str) -> list[Slice]:
    if method == "l1":
        return [item for item in channels.slices if item.makes]
    gains = set(gain_names(graph))
    if not gains:
        raise ModelError(
            "compress.pruning.method: slimming chooses by the gains of norms, and this generator's norms "
            "have none; use l1."
        )
    return [item for item in channels.slices if item.parameter in gains]


def _ranked(graph: fx.GraphModule, group: Group, slices: list[Slice]) -> NDArray[np.int64] | None:
    """Places in the group, the most important first; None where none of the slices says."""
    total, found = np.zeros(len(group.ids)), False
    place = {one: index for index, one in enumerate(group.ids.tolist())}
    values = dict(graph.named_parameters())
    for item in slices:
        if not set(item.ids.tolist()) & place.keys():
            continue
        weight = values[item.parameter].detach().abs().double()
        rows = weight.movedim(item.axis, 0).flatten(1).sum(1) if weight.ndim > 1 else weight
        sums = np.zeros(len(group.ids))
        for one, row in zip(item.ids.tolist(), rows.tolist(), strict=True):
            if one in place:
                sums[place[one]] += row
        total, found = total + sums / max(float(sums.mean()), 1e-30), True
    return np.argsort(-total, kind="stable") if found else None


def hidden_channels(graph: fx.GraphModule, channels: Channels) -> Kept:
    """What stays of a graph with masks: all that no constant 0 is multiplied with."""
    factors = {
        str(operand.target)
        for node in graph.graph.nodes
        if node.target is torch.ops.aten.mul.Tensor
        for operand in node.all_input_nodes
        if operand.op == "get_attr"
    }
    values = graph.state_dict()
    gone: set[int] = set()
    for item in channels.slices:
        if item.parameter in factors:
            zero = (values[item.parameter].flatten() == 0).tolist()
            gone |= {one for one, is_zero in zip(item.ids.tolist(), zero, strict=True) if is_zero}
    stays = {
        group.name: tuple(i for i, one in enumerate(group.ids.tolist()) if one not in gone)
        for group in channels.groups
    }
    return {name: kept for name, kept in stays.items() if len(kept) < _size(channels, name)}


def _size(channels: Channels, name: str) -> int:
    return next(len(group.ids) for group in channels.groups if group.name == name)
