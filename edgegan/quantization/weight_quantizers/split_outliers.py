"""Outlier channel splitting: input channels with the largest weights are read twice, with half the weight.

Zhao et al. 2019 (arXiv 1901.09504), section 3. A layer's sums stay what they are, while its largest weight
gets smaller, so that the grid of what remains is finer. Of a weight w in units of the grid's step, the m
parts ``w/m + (2j + 1 - m)/(2m)``, j = 0 … m - 1, round to integers whose sum is w rounded (Hermite's
identity; for m = 2 the paper's quantization-aware splitting (w ± 1/2)/2).

The channels are read by a lookup, which moves bytes; more channels are more multiplications.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
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
from edgegan.quantization.placement_rules import LAYERS, is_integer

aten = torch.ops.aten


@dataclass(frozen=True)
class Split:
    """A layer whose channels were split.

    Attributes:
        layer: path of the user's module.
        channels, parts: input channels before and behind.
    """

    layer: str
    channels: int
    parts: int


def split_outliers(
    graph: fx.GraphModule,
    ratio: float,
    widths: Mapping[str, int],
    per_channel: bool,
) -> list[Split]:
    """Split channels of the layers that will run on integers, in place.

    Grouped convolutions, weights of several layers and kernels whose phases the runtime builds stay.

    Args:
        graph: lowered, shapes annotated, without quantizers.
        ratio: parts that are added to each layer, of its input channels; rounded up.
        widths: bits of the grid that each layer's weights will be on, by path; others stay.
        per_channel: of the grids.
    """
    done = []
    for node in list(graph.graph.nodes):
        if _can_split(node) and path_of(node) in widths and ratio > 0:
            done.append(_split(graph, node, ratio, widths[path_of(node)], per_channel))
    tidy(graph)
    return done


def parts_of_channels(weight: NDArray[np.float32], extra: int) -> NDArray[np.int64]:
    """Into how many parts each input channel of ``[O, C, ...]`` is split, ``extra`` more than C in all.

    One part after the other goes to the channel whose parts have the largest weight.
    """
    reach = np.abs(weight).max(axis=tuple(i for i in range(weight.ndim) if i != 1))
    counts = np.ones(len(reach), np.int64)
    for _ in range(extra):
        counts[np.argmax(reach / counts)] += 1
    return counts


def split_weight(
    weight: NDArray[np.float32], counts: NDArray[np.int64], bits: int, per_channel: bool
) -> NDArray[np.float32]:
    """``[O, C, ...]`` with each channel's parts side by side; they sum to what the channel was."""
    spread = (1, -1) + (1,) * (weight.ndim - 2)
    m = np.repeat(counts, counts).reshape(spread)
    j = np.concatenate([np.arange(count) for count in counts]).reshape(spread)
    parts = np.repeat(weight.astype(np.float64), counts, axis=1) / m
    axes = tuple(range(1, weight.ndim)) if per_channel else None
    step = np.abs(parts).max(axis=axes, keepdims=True) / max((1 << (bits - 1)) - 1, 1)
    shifted: NDArray[np.float64] = parts + step * (2 * j + 1 - m) / (2 * m)
    return shifted.astype(np.float32)


def _can_split(node: fx.Node) -> bool:
    if not is_call(node, *LAYERS) or not is_integer(node):
        return False
    weight: fx.Node = node.args[1]  # type: ignore[assignment]
    ungrouped = is_call(node, aten.linear.default) or argument(node, 6, 1) == 1
    return ungrouped and is_parameter(weight) and len(weight.users) == 1


def _split(
    graph: fx.GraphModule, node: fx.Node, ratio: float, bits: int, per_channel: bool
) -> Split:
    source, weight = node.args[:2]
    assert isinstance(source, fx.Node) and isinstance(weight, fx.Node)
    path, channels = path_of(node), shape_of(weight)[1]
    value = read_parameter(graph, weight).numpy()
    counts = parts_of_channels(value, math.ceil(ratio * channels))
    parts = torch.from_numpy(split_weight(value, counts, bits, per_channel))
    which = torch.from_numpy(np.repeat(np.arange(channels), counts))
    index = add_parameter(graph, node, f"{path}.split_channels", which)
    kernel = add_parameter(graph, node, f"{path}.weight_split", parts)
    picked = insert_call(graph, node, aten.index_select.default, (source, 1, index), path)
    node.args = (picked, kernel, *node.args[2:])
    return Split(path, channels, len(which))
