"""What operators without weights do with channels: they move them, or put those of two tensors together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import fx

from edgegan.compression.ties import Ids
from edgegan.compression.walk import Layout, Rule, Walk, plain
from edgegan.lowering.graph import argument, is_parameter, shape_of

aten = torch.ops.aten


def _spatial(walk: Walk, node: fx.Node) -> Layout | None:
    """Resizing, pooling and padding of pictures."""
    layout = walk.of(node.args[0])
    if layout is None or len(layout) != 4 or layout[2] is not None or layout[3] is not None:
        return None
    return layout


def _pad(walk: Walk, node: fx.Node) -> Layout | None:
    return _spatial(walk, node) if len(node.args[1]) <= 4 else None  # type: ignore[arg-type]


def _pixel_shuffle(walk: Walk, node: fx.Node) -> Layout | None:
    layout = walk.of(node.args[0])
    if layout is None or len(layout) != 4 or layout[1] is None:
        return layout
    return (None, _merged(walk, layout[1].reshape(shape_of(node)[1], -1), 0), None, None)


def _reshape(walk: Walk, node: fx.Node) -> Layout | None:
    """Where an axis of channels is cut, what lies under one place of the new one is tied."""
    source: Any = node.args[0]
    layout = walk.of(source)
    if layout is None:
        return None
    result: list[Ids | None] = []
    for old, new in _segments(shape_of(source), shape_of(node)):
        sizes = shape_of(node)[new]
        labelled = [axis for axis in range(old.start, old.stop) if layout[axis] is not None]
        if not labelled:
            result += [None] * len(sizes)
            continue
        if len(labelled) > 1 or (old.start == 0 and old.stop > 1):
            return None  # two axes of channels, or the batch mixed with them
        ids: Any = layout[labelled[0]]
        before = math.prod(shape_of(source)[old.start : labelled[0]])
        after = math.prod(shape_of(source)[labelled[0] + 1 : old.stop])
        places = np.tile(np.repeat(ids, after), before).reshape(sizes)
        axis = _channel_axis(places)
        result += [_merged(walk, places, a) if a == axis else None for a in range(len(sizes))]
    return tuple(result)


def _permute(walk: Walk, node: fx.Node) -> Layout | None:
    layout, order = walk.of(node.args[0]), argument(node, 1)
    return layout and tuple(layout[axis] for axis in order)


def _slice(walk: Walk, node: fx.Node) -> Layout | None:
    layout = walk.of(node.args[0])
    axis, start, end, step = (argument(node, i, d) for i, d in ((1, 0), (2, 0), (3, None), (4, 1)))
    if layout is None or step != 1 or not isinstance(start, int):
        return None
    return tuple(
        ids[start:end] if place == axis % len(layout) and ids is not None else ids
        for place, ids in enumerate(layout)
    )


def _concatenation(walk: Walk, node: fx.Node) -> Layout | None:
    sources: Any = node.args[0]
    layouts: list[Any] = [walk.of(source) for source in sources]
    rank = len(shape_of(node))
    axis = argument(node, 1, 0) % rank
    if any(layout is None for layout in layouts):
        return None
    if any(ids is not None for layout in layouts for ids in layout[:axis] + layout[axis + 1 :]):
        return None
    if all(layout[axis] is None for layout in layouts):
        return plain(node)
    parts = []
    for source, layout in zip(sources, layouts, strict=True):
        ids = layout[axis]
        if ids is None:
            ids = walk.ties.fresh(shape_of(source)[axis])
            walk.ties.pin(ids)
        parts.append(ids)
    joined = np.concatenate(parts)
    return tuple(joined if place == axis else None for place in range(rank))


def _softmax(walk: Walk, node: fx.Node) -> Layout | None:
    layout = walk.of(node.args[0])
    return None if layout is None or layout[argument(node, 1)] is not None else layout


def pointwise(walk: Walk, node: fx.Node) -> Layout | None:
    """Element by element, with broadcasting; no other operator is known to work channel by channel."""
    if torch.Tag.pointwise not in getattr(node.target, "tags", ()):
        return None
    rank, sources = len(shape_of(node)), node.all_input_nodes
    result: list[Any] = [None] * rank
    for source in sources:
        for axis, ids in _aligned(walk.of(source) or (), rank):
            if ids is None:
                continue
            if len(ids) == 1 and shape_of(node)[axis] > 1:  # one channel for all
                walk.ties.pin(ids)
            elif result[axis] is None:
                result[axis] = ids
            else:
                walk.ties.tie(result[axis], ids)
    for source in sources:
        layout = walk.of(source)
        for axis, size in _aligned(shape_of(source), rank):
            channels, place = result[axis], axis - rank + len(shape_of(source))
            if size == 1:
                continue
            if is_parameter(source):
                walk.carry(source, place, channels)
            elif channels is not None and (layout is None or layout[place] is None):
                walk.ties.pin(channels)
    return tuple(result)


def _merged(walk: Walk, places: Ids, axis: int) -> Ids:
    """The variables of one axis, those of the others tied to them."""
    rows = np.moveaxis(places, axis, 0).reshape(places.shape[axis], -1)
    for column in range(1, rows.shape[1]):
        if not np.array_equal(rows[:, 0], rows[:, column]):
            walk.ties.tie(rows[:, 0], rows[:, column])
    return rows[:, 0].copy()


def _channel_axis(places: Ids) -> int:
    """The axis along which alone the variables differ, or else the first."""
    for axis in range(places.ndim):
        rows = np.moveaxis(places, axis, 0).reshape(places.shape[axis], -1)
        if places.shape[axis] > 1 and (rows == rows[:, :1]).all():
            return axis
    return 0


def _aligned(values: Sequence[Any], rank: int) -> Iterator[tuple[int, Any]]:
    """Axes counted from the end, as broadcasting does."""
    yield from zip(range(rank - len(values), rank), values, strict=True)


def _segments(old: Sequence[int], new: Sequence[int]) -> Iterator[tuple[slice, slice]]:
    """Shortest runs of axes of equal size in both shapes; axes of size 1 go with the run in front."""
    i = j = 0
    while i < len(old) or j < len(new):
        start, begin = i, j
        left, right = 1, 1
        while True:
            if left <= right and i < len(old):
                left, i = left * old[i], i + 1
            elif j < len(new):
                right, j = right * new[j], j + 1
            if left == right and (i > start or i == len(old)) and (j > begin or j == len(new)):
                break
        while i < len(old) and old[i] == 1:
            i += 1
        while j < len(new) and new[j] == 1:
            j += 1
        yield slice(start, i), slice(begin, j)


_SPATIAL = (
    aten.upsample_nearest2d.vec,
    aten.upsample_bilinear2d.vec,
    aten.upsample_bicubic2d.vec,
    aten.max_pool2d.default,
    aten.avg_pool2d.default,
    aten.adaptive_avg_pool2d.default,
    aten.reflection_pad2d.default,
    aten.replication_pad2d.default,
)

MOVEMENT_RULES: dict[Any, Rule] = {
    **dict.fromkeys(_SPATIAL, _spatial),
    aten.constant_pad_nd.default: _pad,
    aten.pad.default: _pad,
    aten.pixel_shuffle.default: _pixel_shuffle,
    aten.reshape.default: _reshape,
    aten.permute.default: _permute,
    aten.slice.Tensor: _slice,
    aten.cat.default: _concatenation,
    aten.softmax.int: _softmax,
    aten._softmax.default: _softmax,
}
