"""A walk through a captured graph that follows channels from layer to layer.

What an operator does with them is a rule of ``layer_rules`` or ``movement_rules``; this is what rules use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import fx

from edgegan.compression.ties import Ids, Ties
from edgegan.lowering.graph import is_parameter, path_of, shape_of

Layout = tuple[Ids | None, ...]
"""For each axis of a tensor its variables, or None where it has no channels."""


class Walk:
    """Visits nodes in the graph's order.

    Attributes:
        ties: of all variables.
        layouts: of every tensor that no parameter is.
        uses: (layer, argument, axis, variables) wherever channels are summed over.
        makers: variables, and the path of the layer that makes them.
        slices: by parameter and axis, its variables and whether a layer's weight makes them there.
    """

    def __init__(self, rules: Mapping[Any, Rule], otherwise: Rule) -> None:
        self.ties = Ties()
        self.layouts: dict[fx.Node, Layout] = {}
        self.uses: list[tuple[fx.Node, int, int, Ids]] = []
        self.makers: list[tuple[Ids, str]] = []
        self.slices: dict[tuple[str, int], tuple[Ids, bool]] = {}
        self._rules, self._otherwise = rules, otherwise
        self._whole: set[tuple[str, int]] = set()

    def visit(self, node: fx.Node) -> None:
        """Find the layout of ``node``."""
        if node.op == "output":
            self._stay(node)
        elif node.op == "call_function" and _gives_tensors(node):
            layout = self._rules.get(node.target, self._otherwise)(self, node)
            if layout is None:
                layout = self._stay(node)
            if _is_tensor(node):
                self.layouts[node] = layout
        elif _is_tensor(node) and not is_parameter(node):
            self.layouts[node] = plain(node)

    def finish(self) -> None:
        """When all nodes were visited."""
        for place in self._whole & self.slices.keys():
            self.ties.pin(self.slices[place][0])

    def of(self, node: Any) -> Layout | None:
        """The layout of an activation; None of a parameter."""
        return self.layouts.get(node)

    def make(self, node: fx.Node, count: int) -> Ids:
        """New variables of a layer's output."""
        ids = self.ties.fresh(count)
        self.makers.append((ids, path_of(node)))
        return ids

    def read(self, node: fx.Node, place: int, axis: int, ids: Ids | None) -> None:
        """A layer sums over an axis of its argument ``place``."""
        if ids is not None:
            self.uses.append((node, place, axis, ids))

    def carry(self, parameter: Any, axis: int, ids: Ids | None, makes: bool = False) -> None:
        """A parameter's axis has these variables, or serves what has none; ``parameter`` may be missing."""
        if not is_parameter(parameter):
            return
        place = (str(parameter.target), axis)
        if ids is None:
            self._whole.add(place)
        elif place in self.slices:  # a parameter that serves twice
            self.ties.tie(self.slices[place][0], ids)
        else:
            self.slices[place] = (ids, makes)

    def _stay(self, node: fx.Node) -> Layout:
        """Whatever ``node`` reads stays whole, and so does what it gives."""
        for source in node.all_input_nodes:
            if is_parameter(source):
                self._whole |= {(str(source.target), a) for a in range(len(shape_of(source)))}
            for ids in self.layouts.get(source, ()):
                if ids is not None:
                    self.ties.pin(ids)
        return plain(node) if _is_tensor(node) else ()


Rule = Callable[[Walk, fx.Node], Layout | None]
"""The layout of a node's output; None where the operator does not work channel by channel this time."""


def plain(node: fx.Node) -> Layout:
    """Without channels."""
    return (None,) * len(shape_of(node))


def _is_tensor(node: fx.Node) -> bool:
    return isinstance(node.meta.get("val"), torch.Tensor)


def _gives_tensors(node: fx.Node) -> bool:
    return isinstance(node.meta.get("val"), torch.Tensor | tuple | list)
