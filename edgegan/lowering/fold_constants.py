"""Everything that is computed from parameters alone becomes one parameter.

This folds spectral norm (in eval mode), weight norm, equalized learning rates and any other
reparametrization, however it was written.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx

from edgegan.lowering.graph import add_parameter, path_of, read_parameter, tidy
from edgegan.lowering.rewrite import Rewrite
from edgegan.targets import LoweringProfile


def is_random(target: Any) -> bool:
    """Whether an operator draws random numbers."""
    return torch.Tag.nondeterministic_seeded in getattr(target, "tags", ())


class FoldConstants:
    name = "fold-constants"
    requires: frozenset[object] = frozenset()
    ensures: frozenset[object] = frozenset()

    @torch.no_grad()
    def __call__(self, graph: fx.GraphModule, profile: LoweringProfile) -> list[Rewrite]:
        known: dict[fx.Node, Any] = {}
        for node in graph.graph.nodes:
            if node.op == "get_attr":
                known[node] = read_parameter(graph, node)
            elif _foldable(node, known):
                args, kwargs = fx.node.map_arg((node.args, node.kwargs), known.__getitem__)
                known[node] = node.target(*args, **kwargs)
        done = []
        for node in list(graph.graph.nodes):
            if node.op != "call_function" or not isinstance(known.get(node), torch.Tensor):
                continue
            if all(user in known for user in node.users):
                continue
            folded = add_parameter(graph, node, path_of(node), known[node])
            node.replace_all_uses_with(folded)
            done.append(Rewrite(self.name, path_of(node), "constant"))
        tidy(graph)
        return done


def _foldable(node: fx.Node, known: dict[fx.Node, Any]) -> bool:
    if node.op != "call_function" or is_random(node.target):
        return False
    is_operator = isinstance(node.target, torch._ops.OpOverload) or node.target is operator.getitem
    inputs = node.all_input_nodes
    return is_operator and bool(inputs) and all(source in known for source in inputs)
