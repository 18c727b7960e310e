"""What each operator does with the channels of the tensors that it reads."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import fx

from edgegan.compression.ties import Ids, Ties
from edgegan.lowering.graph import argument, is_call, is_parameter, path_of, shape_of

aten = torch.ops.aten

Layout = tuple[Ids | None, ...]

BATCH_NORM = aten._native_batch_norm_legit_no_training.default
_NORMS = (BATCH_NORM, aten.batch_norm.default, aten.instance_norm.default)
_CONVOLUTIONS = (aten.conv1d.default, aten.conv2d.default, aten.conv3d.default)
_TRANSPOSED = (aten.conv_transpose1d.default, aten.conv_transpose2d.input)
GROUPS = 6
"""Place of a convolution's groups among its arguments."""

_PRODUCTS = (aten.matmul.default, aten.bmm.default, aten.mm.default)
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
_PADS = (aten.constant_pad_nd.default, aten.pad.default)


class Rules:
    """Walks a graph in its order.

    Attributes:
        layouts: of every tensor, for each axis its variables or None.
        uses: (layer, argument, axis, variables) wherever channels are summed over.
        makers: variables, and the path of the layer that makes them.
    """

    def __init__(self, graph: fx.GraphModule) -> None:
        self.graph = graph
        self.ties = Ties()
        self.layouts: dict[fx.Node, Layout] = {}
        self.uses: list[tuple[fx.Node, int, int, Ids]] = []
        self.makers: list[tuple[Ids, str]] = []
        self._slices: dict[tuple[str, int], tuple[Ids, bool]] = {}
        self._whole: set[tuple[str, int]] = set()

    def finish(self) -> dict[tuple[str, int], tuple[Ids, bool]]:
        """By parameter and axis, the variables and whether they are made there."""
        for place in self._whole & self._slices.keys():
            self.ties.pin(self._slices[place][0])
        return self._slices

    def visit(self, node: fx.Node) -> None:
        """Find the layout of ``node``."""
        if node.op == "output":
            self._stay(node)
        elif node.op == "call_function" and _is_tensor(node):
            found = self._call(node)
            self.layouts[node] = self._stay(node) if found is None else found
        elif isinstance(node.meta.get("val"), tuple | list) and not is_call(node, *_NORMS):
            self._stay(node)
        elif _is_tensor(node) and not is_parameter(node):
            self.layouts[node] = _plain(node)

    def _call(self, node: fx.Node) -> Layout | None:
        """The layout, or None where the operator is not known to work channel by channel."""
        target = node.target
        if target in _CONVOLUTIONS or target in _TRANSPOSED:
            return self._convolution(node)
        if target is aten.linear.default:
            return self._linear(node)
        if target in _PRODUCTS:
            return self._product(node)
        if target is aten.embedding.default:
            return self._embedding(node)
        if target is operator.getitem and is_call(node.args[0], *_NORMS):
            return self._norm(node.args[0]) if node.args[1] == 0 else None  # type: ignore[arg-type]
        if target in _NORMS:
            return self._norm(node)
        if target is aten.prelu.default:
            return self._prelu(node)
        if target in _SPATIAL or (target in _PADS and len(node.args[1]) <= 4):  # type: ignore[arg-type]
            return self._spatial(node)
        if target is aten.pixel_shuffle.default:
            return self._pixel_shuffle(node)
        if target is aten.reshape.default:
            return self._reshape(node)
        if target is aten.permute.default:
            return self._permute(node)
        if target is aten.slice.Tensor:
            return self._slice(node)
        if target is aten.cat.default:
            return self._concatenation(node)
        if target in (aten.softmax.int, aten._softmax.default):
            return self._softmax(node)
        if torch.Tag.pointwise in getattr(target, "tags", ()):
            return self._pointwise(node)
        return None

    def _of(self, node: Any) -> Layout | None:
        """Of an activation; None of a parameter."""
        return self.layouts.get(node)

    def _stay(self, node: fx.Node) -> Layout:
        """Whatever ``node`` reads stays whole, and so does what it gives."""
        for source in node.all_input_nodes:
            if is_parameter(source):
                self._whole |= {(str(source.target), a) for a in range(len(shape_of(source)))}
            for ids in self.layouts.get(source, ()):
                if ids is not None:
                    self.ties.pin(ids)
        return _plain(node) if _is_tensor(node) else ()

    def _carry(self, parameter: Any, axis: int, ids: Ids | None, makes: bool = False) -> None:
        """Note that a parameter's axis has these variables; None where it is none or has no channels."""
        if not is_parameter(parameter):
            return
        name = str(parameter.target)
        if ids is None:
            self._whole.add((name, axis))
            return
        if (name, axis) in self._slices:  # a parameter that serves twice
            self.ties.tie(self._slices[name, axis][0], ids)
            return
        self._slices[name, axis] = (ids, makes)

    def _make(self, node: fx.Node, count: int) -> Ids:
        ids = self.ties.fresh(count)
        self.makers.append((ids, path_of(node)))
        return ids

    def _read(self, node: fx.Node, place: int, axis: int, ids: Ids | None) -> None:
        if ids is not None:
            self.uses.append((node, place, axis, ids))

    def _convolution(self, node: fx.Node) -> Layout | None:
        source, weight, bias = node.args[0], node.args[1], argument(node, 2)
        transposed, groups = node.target in _TRANSPOSED, argument(node, GROUPS, 1)
        layout = self._of(source)
        if layout is None or not is_parameter(weight):
            return None
        shape, channels = shape_of(weight), layout[1]  # type: ignore[arg-type]
        inputs = shape_of(source)[1]  # type: ignore[arg-type]
        if groups > 1:
            if not (groups == inputs and shape[:2] == (inputs, 1)):
                return None
            self._carry(weight, 0, channels)
            self._carry(bias, 0, channels)
            return (None, channels, *[None] * (len(shape) - 2))
        made = self._make(node, shape[1] if transposed else shape[0])
        self._read(node, 0, 1, channels)
        self._carry(weight, 0 if transposed else 1, channels)
        self._carry(weight, 1 if transposed else 0, made, makes=True)
        self._carry(bias, 0, made)
        return (None, made, *[None] * (len(shape) - 2))

    def _linear(self, node: fx.Node) -> Layout | None:
        weight, layout = node.args[1], self._of(node.args[0])
        if layout is None or not is_parameter(weight):
            return None
        made = self._make(node, shape_of(weight)[0])  # type: ignore[arg-type]
        self._read(node, 0, len(layout) - 1, layout[-1])
        self._carry(weight, 1, layout[-1])
        self._carry(weight, 0, made, makes=True)
        self._carry(argument(node, 2), 0, made)
        return (*layout[:-1], made)

    def _product(self, node: fx.Node) -> Layout | None:
        """``[..., M, K] @ [..., K, N]`` of two activations."""
        left, right = (self._of(value) for value in node.args[:2])
        if left is None or right is None or min(len(left), len(right)) < 2:
            return None
        inner, other = left[-1], right[-2]
        if any(ids is not None for ids in (*left[:-2], *right[:-2])):
            return None
        if (inner is None) != (other is None):
            return None
        if inner is not None and other is not None:
            self.ties.tie(inner, other)
            self._read(node, 0, len(left) - 1, inner)
        return (*[None] * (len(shape_of(node)) - 2), left[-2], right[-1])

    def _embedding(self, node: fx.Node) -> Layout | None:
        table = node.args[0]
        if not is_parameter(table):
            return None
        made = self.ties.fresh(shape_of(table)[1])  # type: ignore[arg-type]
        self._carry(table, 1, made)
        return (*[None] * (len(shape_of(node)) - 1), made)

    def _norm(self, node: fx.Node) -> Layout | None:
        layout = self._of(node.args[0])
        if layout is None:
            return None
        for parameter in node.args[1:5]:
            self._carry(parameter, 0, layout[1])
        return layout

    def _prelu(self, node: fx.Node) -> Layout | None:
        layout, slopes = self._of(node.args[0]), node.args[1]
        if layout is not None and shape_of(slopes) != (1,):  # type: ignore[arg-type]
            self._carry(slopes, 0, layout[1])
        return layout

    def _spatial(self, node: fx.Node) -> Layout | None:
        layout = self._of(node.args[0])
        if layout is None or len(layout) != 4 or layout[2] is not None or layout[3] is not None:
            return None
        return layout

    def _pixel_shuffle(self, node: fx.Node) -> Layout | None:
        layout = self._of(node.args[0])
        if layout is None or len(layout) != 4 or layout[1] is None:
            return layout
        return (None, self._merged(layout[1].reshape(shape_of(node)[1], -1), 0), None, None)

    def _reshape(self, node: fx.Node) -> Layout | None:
        source: Any = node.args[0]
        layout = self._of(source)
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
            result += [self._merged(places, a) if a == axis else None for a in range(len(sizes))]
        return tuple(result)

    def _merged(self, places: Ids, axis: int) -> Ids:
        """The variables of one axis, those of the others tied to them."""
        rows = np.moveaxis(places, axis, 0).reshape(places.shape[axis], -1)
        for column in range(1, rows.shape[1]):
            if not np.array_equal(rows[:, 0], rows[:, column]):
                self.ties.tie(rows[:, 0], rows[:, column])
        return rows[:, 0].copy()

    def _permute(self, node: fx.Node) -> Layout | None:
        layout, order = self._of(node.args[0]), argument(node, 1)
        return layout and tuple(layout[axis] for axis in order)

    def _slice(self, node: fx.Node) -> Layout | None:
        layout = self._of(node.args[0])
        axis, start, end, step = (
            argument(node, i, d) for i, d in ((1, 0), (2, 0), (3, None), (4, 1))
        )
        if layout is None or step != 1 or not isinstance(start, int):
            return None
        return tuple(
            ids[start:end] if place == axis % len(layout) and ids is not None else ids
            for place, ids in enumerate(layout)
        )

    def _concatenation(self, node: fx.Node) -> Layout | None:
        sources: Any = node.args[0]
        layouts = [self._of(source) for source in sources]
        axis = argument(node, 1, 0) % len(shape_of(node))
        if any(layout is None for layout in layouts):
            return None
        known: list[Any] = layouts
        if any(ids is not None for layout in known for ids in _without(layout, axis)):
            return None
        if all(layout[axis] is None for layout in known):
            return _plain(node)
        parts = []
        for source, layout in zip(sources, known, strict=True):
            ids = layout[axis]
            if ids is None:
                ids = self.ties.fresh(shape_of(source)[axis])
                self.ties.pin(ids)
            parts.append(ids)
        joined = np.concatenate(parts)
        return tuple(joined if place == axis else None for place in range(len(shape_of(node))))

    def _softmax(self, node: fx.Node) -> Layout | None:
        layout = self._of(node.args[0])
        return None if layout is None or layout[node.args[1]] is not None else layout  # type: ignore[index]

    def _pointwise(self, node: fx.Node) -> Layout | None:
        rank, sources = len(shape_of(node)), node.all_input_nodes
        result: list[Ids | None] = [None] * rank
        for source in sources:
            for axis, ids in _aligned(self._of(source) or (), rank):
                if ids is None or (len(ids) == 1 and shape_of(node)[axis] > 1):
                    if ids is not None:
                        self.ties.pin(ids)
                elif result[axis] is None:
                    result[axis] = ids
                else:
                    self.ties.tie(result[axis], ids)  # type: ignore[arg-type]
        for source in sources:
            for axis, size in _aligned(shape_of(source), rank):
                channels, layout = result[axis], self._of(source)
                place = axis - rank + len(shape_of(source))
                if size == 1:
                    continue
                if is_parameter(source):
                    self._carry(source, place, channels)
                elif channels is not None and (layout is None or layout[place] is None):
                    self.ties.pin(channels)
        return tuple(result)


def _is_tensor(node: fx.Node) -> bool:
    return isinstance(node.meta.get("val"), torch.Tensor)


def _plain(node: fx.Node) -> Layout:
    return (None,) * len(shape_of(node))


def _without(layout: Layout, axis: int) -> Layout:
    return layout[:axis] + layout[axis + 1 :]


def _aligned(values: Sequence[Any], rank: int) -> Iterator[tuple[int, Any]]:
    """Axes counted from the end, as broadcasting does."""
    yield from zip(range(rank - len(values), rank), values, strict=True)


def _channel_axis(places: Ids) -> int:
    """The axis along which alone the variables differ, or else the first."""
    for axis in range(places.ndim):
        rows = np.moveaxis(places, axis, 0).reshape(places.shape[axis], -1)
        if places.shape[axis] > 1 and (rows == rows[:, :1]).all():
            return axis
    return 0


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
