"""Vectors that are broadcast over a picture, written in the order in which ONNX Runtime keeps pictures.

A conditional norm or a style multiplies ``[N, C, H, W]`` with ``[N, C, 1, 1]``. ONNX Runtime computes such
pictures in channels-last order, where it applies the vector pixel by pixel, at a fixed cost for each: 26 µs
for nine channels of 32x32 pixels, in a profile. Repeated along a row, the same vector is applied row by
row. And a table whose rows are picked has them in channels-last order from the start, so nothing is
reshaped or transposed behind it. The numbers are the same; where pictures have 64 channels or more, so is
the time.

This is done to what is emitted alone: everything before sees plain vectors.
"""

from __future__ import annotations

import copy

import torch
from torch import fx

from edgegan.emit.grids import insert_on_grid, quantized_like
from edgegan.lowering.graph import (
    add_parameter,
    is_call,
    is_parameter,
    path_of,
    read_parameter,
    shape_of,
    tidy,
)
from edgegan.quantization.fake_quantize import FAKE_QUANTIZE, NO_AXIS

aten = torch.ops.aten

PIXELS = 128
"""Pictures of fewer pixels take a vector as it is: repeating it costs about as much as 100 pixels do."""


def vectors_along_rows(graph: fx.GraphModule, static_sizes: bool = True) -> fx.GraphModule:
    """A copy of a graph in which vectors reach pictures in channels-last order, a row at a time.

    Args:
        graph: float or quantized; vectors are second operands of additions and products.
        static_sizes: whether widths are known; else vectors are not repeated.
    """
    graph = copy.deepcopy(graph)
    written: dict[tuple[fx.Node, int], fx.Node] = {}
    for node in list(graph.graph.nodes):
        if not is_call(node, aten.add.Tensor, aten.mul.Tensor) or node.kwargs:
            continue
        picture, vector = node.args
        if not _is_vector_over(vector, picture):
            continue
        height, width = shape_of(picture)[2:]
        repeats = width if static_sizes and height * width >= PIXELS else 1
        key = vector, repeats
        if key not in written:
            written[key] = _channels_last(graph, vector, repeats)
        node.args = (picture, written[key])
    tidy(graph)
    return graph


def _is_vector_over(vector: object, picture: object) -> bool:
    """Whether one is ``[N, C, 1, 1]``, computed, and the other ``[N, C, H, W]``."""
    if not isinstance(vector, fx.Node) or not isinstance(picture, fx.Node):
        return False
    if is_parameter(vector) or len(shape_of(picture)) != 4 or shape_of(picture)[2:] == (1, 1):
        return False
    shape = shape_of(vector)
    return shape[2:] == (1, 1) and shape[:2] == shape_of(picture)[:2]


def _channels_last(graph: fx.GraphModule, vector: fx.Node, repeats: int) -> fx.Node:
    """``vector`` as a row of ``repeats`` equal pixels, with its grid behind every step."""
    channels, path = shape_of(vector)[1], path_of(vector)
    following = vector.next
    source, grid = _source(vector)

    def call(target: object, *args: object) -> fx.Node:
        return insert_on_grid(graph, following, target, args, path, grid)

    table = _table(source)
    if table is None:
        value = call(aten.reshape.default, source, [-1, 1, 1, channels])
    else:
        rows = read_parameter(graph, table)[:, None, None]
        pixels = add_parameter(graph, source, str(table.target), rows)
        if grid is not None:
            pixels = quantized_like(graph, following, pixels, grid, path)
        value = call(aten.index_select.default, pixels, 0, source.args[1])
    if repeats > 1:
        value = call(aten.expand.default, value, [-1, 1, repeats, channels])
    return call(aten.permute.default, value, [0, 3, 1, 2])


def _source(vector: fx.Node) -> tuple[fx.Node, fx.Node | None]:
    """What gives the vector's numbers, ``[N, C]`` where there is such a tensor; and its grid."""
    grid = None
    while is_call(vector, FAKE_QUANTIZE, aten.reshape.default):
        source: fx.Node = vector.args[0]  # type: ignore[assignment]
        if is_call(vector, FAKE_QUANTIZE):
            if "quantizer" in vector.meta:
                return vector, vector
            grid = vector
        elif shape_of(source)[0] != shape_of(vector)[0] or is_parameter(source):
            break
        vector = source
    if is_call(vector, aten.embedding.default) and is_call(vector.args[0], FAKE_QUANTIZE):
        grid = vector.args[0]  # type: ignore[assignment]
    return vector, grid


def _table(source: fx.Node) -> fx.Node | None:
    """The parameter ``[classes, C]`` whose rows ``source`` picks, if it has one step for all."""
    if not is_call(source, aten.embedding.default) or len(shape_of(source)) != 2:
        return None
    table: fx.Node = source.args[0]  # type: ignore[assignment]
    if is_call(table, FAKE_QUANTIZE):
        if table.args[-1] != NO_AXIS:
            return None
        table = table.args[0]  # type: ignore[assignment]
    return table if is_parameter(table) else None
