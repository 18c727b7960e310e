"""Slices, views, scales and shifts of vectors fold into the layers around them.

``1 + linear(y)[:, :C]`` is a linear layer with fewer rows and another bias; so gain and bias of a
conditional norm get grids of their own. A linear layer that reads ``a + psi·(w - a)`` can read ``w``: the
truncation is in its weight.
"""

from __future__ import annotations

import torch
from torch import fx

from edgegan.lowering.columns import (
    Columns,
    follow,
    insert_layer,
    is_step,
    is_vector_layer,
    rows_of,
)
from edgegan.lowering.graph import (
    add_parameter,
    is_call,
    is_parameter,
    path_of,
    shape_of,
    tidy,
)
from edgegan.lowering.layer_scale import read_layer
from edgegan.lowering.rewrite import Rewrite
from edgegan.targets import LoweringProfile

aten = torch.ops.aten


class FoldColumns:
    name = "fold-columns"
    requires: frozenset[object] = frozenset({aten.view.default, aten._unsafe_view.default})
    ensures: frozenset[object] = frozenset()

    def __call__(self, graph: fx.GraphModule, profile: LoweringProfile) -> list[Rewrite]:
        done = []
        ends: dict[fx.Node, list[tuple[fx.Node, Columns]]] = {}
        for node in graph.graph.nodes:
            if is_step(node) and not all(is_step(user) for user in node.users):
                columns = follow(graph, node)
                if columns is not None:
                    ends.setdefault(columns.source, []).append((node, columns))
        for source, found in ends.items():
            if is_vector_layer(source) and _partition(source, found):
                for node, columns in found:
                    _absorb(graph, node, columns)
                form = f"{len(found)} layers" if len(found) > 1 else "other rows"
                done.append(Rewrite(self.name, path_of(source), form))
                continue
            for node, columns in found:
                if _pass_on(graph, node, columns):
                    done.append(Rewrite(self.name, path_of(node), "in the layers behind"))
        tidy(graph)
        return done


def _partition(source: fx.Node, found: list[tuple[fx.Node, Columns]]) -> bool:
    """Whether the ends take every column at most once, and there is something to fold."""
    taken = torch.cat([columns.index.flatten() for _, columns in found])
    changes = len(found) > 1 or len(taken) < shape_of(source)[1]
    folds = changes or any(columns.is_scaled for _, columns in found)
    return (
        folds and len(set(taken.tolist())) == len(taken) and all(is_step(u) for u in source.users)
    )


def _absorb(graph: fx.GraphModule, node: fx.Node, columns: Columns) -> None:
    rows, bias = rows_of(graph, columns)
    node.replace_all_uses_with(
        insert_layer(graph, node, columns.source, rows, bias, shape_of(node)[1:])
    )


def _pass_on(graph: fx.GraphModule, node: fx.Node, columns: Columns) -> bool:
    """Let the linear layers behind ``node`` read its source."""
    identity = torch.equal(columns.index.flatten(), torch.arange(shape_of(columns.source)[1]))
    readers = [
        user
        for user in node.users
        if is_call(user, aten.linear.default) and is_parameter(user.args[1])
    ]
    if columns.index.ndim != 1 or not identity or len(readers) != len(node.users):
        return False
    for layer in readers:
        weight, bias = (value.double() for value in read_layer(graph, layer))
        path = path_of(layer)
        scaled = add_parameter(graph, layer, path + ".weight", (weight * columns.scale).float())
        moved = add_parameter(graph, layer, path + ".bias", (bias + weight @ columns.shift).float())
        layer.args = (columns.source, scaled, moved)
    return bool(readers)
