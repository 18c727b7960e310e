"""What depends on no input but on the batch size alone becomes a constant for every sample.

A fixed class, a learned constant that is expanded or repeated to the batch, zeros made in ``forward``: all
samples have the same value, so one is computed now, whatever operators it goes through. Where a reader
broadcasts, it reads that one; elsewhere it is expanded.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from edgegan.lowering.fold_constants import is_random
from edgegan.lowering.graph import add_parameter, is_call, path_of, read_parameter, tidy
from edgegan.lowering.rewrite import Rewrite
from edgegan.targets import LoweringProfile

aten = torch.ops.aten

_BROADCASTING = (aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor, aten.div.Tensor)
_BATCHES = (2, 3)
"""Batch sizes that are tried: what is one sample repeated for both is so for all."""


class FoldUniform:
    name = "fold-uniform"
    requires: frozenset[object] = frozenset()
    ensures: frozenset[object] = frozenset()

    @torch.no_grad()
    def __call__(self, graph: fx.GraphModule, profile: LoweringProfile) -> list[Rewrite]:
        values = [_evaluate(graph, batch) for batch in _BATCHES]
        sizes = [node for node in graph.graph.nodes if _is_batch_size(node) and node in values[0]]
        done = []
        for node in list(graph.graph.nodes):
            readers = [user for user in node.users if user not in values[0]]
            if node.op != "call_function" or node not in values[0] or not readers:
                continue
            sample = _one_sample(*(value[node] for value in values))
            expands = is_call(node, aten.expand.default) and not _all_broadcast(readers)
            if sample is None or expands:
                continue
            constant = add_parameter(graph, node, path_of(node), sample)
            expanded = None
            for user in readers:
                if is_call(user, *_BROADCASTING) or not _grows(node, values):
                    user.replace_input_with(node, constant)
                    continue
                if expanded is None:
                    expanded = _expand(graph, user, constant, sizes[0])
                user.replace_input_with(node, expanded)
            done.append(Rewrite(self.name, path_of(node), "constant for all samples"))
        tidy(graph)
        return done


def _evaluate(graph: fx.GraphModule, batch: int) -> dict[fx.Node, Any]:
    """Values of everything that is known once the batch size is."""
    known: dict[fx.Node, Any] = {}
    for node in graph.graph.nodes:
        if node.op == "get_attr":
            known[node] = read_parameter(graph, node)
        elif _is_batch_size(node):
            known[node] = batch
        elif _is_known(node, known):
            args, kwargs = fx.node.map_arg((node.args, node.kwargs), known.__getitem__)
            known[node] = node.target(*args, **kwargs)
    return known


def _is_known(node: fx.Node, known: dict[fx.Node, Any]) -> bool:
    computes = node.op == "call_function" and not is_random(node.target)
    return computes and all(source in known for source in node.all_input_nodes)


def _is_batch_size(node: fx.Node) -> bool:
    """Whether ``node`` is the length of the first axis of an input."""
    if not is_call(node, aten.sym_size.int) or node.args[1] != 0:
        return False
    source: Any = node.args[0]
    return bool(source.op == "placeholder")


def _one_sample(two: Any, three: Any) -> torch.Tensor | None:
    """The one sample ``[1, ...]`` that is repeated, or the value that does not depend on the batch."""
    if not isinstance(two, torch.Tensor) or not isinstance(three, torch.Tensor) or not two.ndim:
        return None
    if two.shape == three.shape:
        return two if torch.equal(two, three) else None
    if (len(two), len(three)) != _BATCHES or two.shape[1:] != three.shape[1:]:
        return None
    first = two[:1]
    same = torch.equal(two, first.expand_as(two)) and torch.equal(three, first.expand_as(three))
    return first if same else None


def _grows(node: fx.Node, values: list[dict[fx.Node, Any]]) -> bool:
    return bool(values[0][node].shape != values[1][node].shape)


def _all_broadcast(readers: list[fx.Node]) -> bool:
    return all(is_call(reader, *_BROADCASTING) for reader in readers)


def _expand(graph: fx.GraphModule, before: fx.Node, constant: fx.Node, size: fx.Node) -> fx.Node:
    shape = constant.meta["val"].shape[1:]
    with graph.graph.inserting_before(before):
        node = graph.graph.call_function(aten.expand.default, (constant, [size, *shape]))
    value = constant.meta["val"].expand(size.meta["val"], *shape)
    node.meta.update(val=value, path=path_of(constant))
    return node
