"""Operators between quantizers: what they give stays on the grid that it came on."""

from __future__ import annotations

from typing import Any

from torch import fx

from edgegan.lowering.graph import insert_call, is_call
from edgegan.quantization.fake_quantize import FAKE_QUANTIZE


def insert_on_grid(
    graph: fx.GraphModule,
    before: fx.Node,
    target: Any,
    args: tuple[Any, ...],
    path: str,
    grid: fx.Node | None,
) -> fx.Node:
    """As ``insert_call``, with a quantizer like ``grid`` behind; without one where ``grid`` is none."""
    value = insert_call(graph, before, target, args, path)
    if grid is None or not is_call(grid, FAKE_QUANTIZE):
        return value
    return quantized_like(graph, before, value, grid, path)


def quantized_like(
    graph: fx.GraphModule, before: fx.Node, value: fx.Node, grid: fx.Node, path: str
) -> fx.Node:
    """``value`` on the grid of another quantizer."""
    return insert_call(graph, before, FAKE_QUANTIZE, (value, *grid.args[1:]), path)
