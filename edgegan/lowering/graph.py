"""Small edits of a captured graph: read and add parameters, insert calls, tidy up.

Every node carries ``meta["val"]``: a meta tensor with the node's shape at the example batch of 2, and
``meta["path"]``: the dotted path of the user's module that it came from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import fx, nn

EXAMPLE_BATCH = 2
"""Never 1: ``torch.export`` would silently make the batch static."""

PARAMETERS = "lowered"
"""Name of the submodule that holds the parameters that rewrites create."""


def path_of(node: fx.Node) -> str:
    """The user's module path of a node, or the node's own name."""
    return str(node.meta.get("path") or node.name)


def shape_of(node: fx.Node) -> tuple[int, ...]:
    """Shape at the example batch."""
    return tuple(int(side) for side in node.meta["val"].shape)


def is_call(node: object, *targets: object) -> bool:
    """Whether ``node`` calls one of ``targets``."""
    return isinstance(node, fx.Node) and node.op == "call_function" and node.target in targets


def is_parameter(node: object) -> bool:
    """Whether ``node`` reads a parameter or buffer."""
    return isinstance(node, fx.Node) and node.op == "get_attr"


def argument(node: fx.Node, index: int, default: Any = None) -> Any:
    """Positional argument, or ``default`` where the call left it out."""
    return node.args[index] if len(node.args) > index else default


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    """A spatial argument as (height, width); ATen writes ``[2]`` for ``[2, 2]``."""
    values = [value] if isinstance(value, int) else list(value)
    return (values[0], values[-1])


def read_parameter(graph: fx.GraphModule, node: fx.Node) -> torch.Tensor:
    """The tensor that a ``get_attr`` node reads, detached."""
    value: Any = graph
    for part in str(node.target).split("."):
        value = getattr(value, part)
    tensor: torch.Tensor = value
    return tensor.detach()


def add_parameter(
    graph: fx.GraphModule, before: fx.Node, name: str, value: torch.Tensor, where: str = PARAMETERS
) -> fx.Node:
    """Register a copy of ``value`` under ``where`` and return the node that reads it.

    Floating tensors become parameters (a later stage may tune them), others buffers.
    """
    if not hasattr(graph, where):
        graph.add_submodule(where, nn.Module())
    holder = getattr(graph, where)
    base = re.sub(r"\W", "_", name)
    key, count = base, 1
    while hasattr(holder, key):
        key, count = f"{base}_{count}", count + 1
    value = value.detach().clone().contiguous()
    if value.is_floating_point():
        holder.register_parameter(key, nn.Parameter(value, requires_grad=False))
    else:
        holder.register_buffer(key, value)
    with graph.graph.inserting_before(before):
        node = graph.graph.get_attr(f"{where}.{key}")
    node.meta.update(val=value.to("meta"), path=path_of(before))
    return node


def insert_call(
    graph: fx.GraphModule,
    before: fx.Node,
    target: Any,
    args: tuple[Any, ...],
    path: str,
) -> fx.Node:
    """Insert ``target(*args)`` in front of ``before`` and work out its shape."""
    with graph.graph.inserting_before(before):
        node = graph.graph.call_function(target, args)
    values = fx.node.map_arg(args, lambda arg: arg.meta["val"])
    node.meta.update(val=target(*values), path=path)
    return node


class _Shapes(fx.Interpreter):
    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        n.meta["val"] = torch.utils._pytree.tree_map_only(
            torch.Tensor, lambda value: value.to("meta"), result
        )
        return result


@torch.no_grad()
def annotate_shapes(graph: fx.GraphModule, example: tuple[torch.Tensor, ...]) -> None:
    """Set ``meta["val"]`` of every node by running the graph on ``example``."""
    _Shapes(graph).run(*example)


def tidy(graph: fx.GraphModule) -> None:
    """Drop dead nodes and the parameters that nothing reads any more; check and recompile."""
    graph.graph.eliminate_dead_code()
    graph.graph.lint()
    graph.recompile()
    read = {str(node.target) for node in graph.graph.nodes if node.op == "get_attr"}
    held = [name for name, _ in [*graph.named_parameters(), *graph.named_buffers()]]
    for name in held:
        if name not in read:
            *parents, leaf = name.split(".")
            holder: Any = graph
            for part in parents:
                holder = getattr(holder, part)
            delattr(holder, leaf)
