"""Reflection, replication and circular padding become lookups of rows and columns.

Runtimes pad with anything but zeros in float, even between quantizers; picking rows and columns moves
values, so it works on bytes. Bit-equal to the padding.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import fx
from torch.nn import functional

from edgegan.lowering.graph import add_parameter, argument, insert_call, is_call, path_of, shape_of
from edgegan.lowering.rewrite import NodePass
from edgegan.targets import LoweringProfile

aten = torch.ops.aten

_MODES: dict[object, str] = {
    aten.reflection_pad1d.default: "reflect",
    aten.reflection_pad2d.default: "reflect",
    aten.replication_pad1d.default: "replicate",
    aten.replication_pad2d.default: "replicate",
}


class LowerReflectionPadding(NodePass):
    name = "lower-reflection-padding"

    def rewrite(self, graph: fx.GraphModule, node: fx.Node, profile: LoweringProfile) -> str | None:
        if not profile.static_sizes or not is_call(node, *_MODES, aten.pad.default):
            return None
        node.replace_all_uses_with(_lower(graph, node, profile))
        return "lookup of rows and columns"


def padding_index(size: int, low: int, high: int, mode: str) -> torch.Tensor:
    """int64 ``[low + size + high]``: which of ``size`` elements stands where after padding."""
    line = torch.arange(size, dtype=torch.float64).view(1, 1, size)
    return functional.pad(line, (low, high), mode=mode).view(-1).to(torch.int64)


def _lower(graph: fx.GraphModule, node: fx.Node, profile: LoweringProfile) -> fx.Node:
    """Look up along the last axes, those of the picture first: whole rows are the cheapest to copy.

    In channels-last order a column is one run of bytes, and the permutations cancel against those of
    the layers around.
    """
    path = path_of(node)
    output: fx.Node = node.args[0]  # type: ignore[assignment]
    pads: Sequence[int] = node.args[1]  # type: ignore[assignment]
    mode = _MODES.get(node.target) or argument(node, 2, "constant")
    sizes = shape_of(output)
    channels_last = profile.channels_last and len(sizes) == 4
    if channels_last:
        output = insert_call(graph, node, aten.permute.default, (output, [0, 2, 3, 1]), path)
    for distance in reversed(range(len(pads) // 2)):
        low, high = pads[2 * distance : 2 * distance + 2]
        if not low and not high:
            continue
        axis = len(sizes) - 1 - distance
        index = padding_index(sizes[axis], low, high, mode)
        key = add_parameter(graph, node, f"{path}.index_{axis}", index)
        place = axis - 1 if channels_last else axis
        output = insert_call(graph, node, aten.index_select.default, (output, place, key), path)
    if channels_last:
        output = insert_call(graph, node, aten.permute.default, (output, [0, 3, 1, 2]), path)
    return output
