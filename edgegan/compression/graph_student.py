"""A captured graph that learns: what is left of a generator once channels are removed."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

from edgegan.compression.layer_rules import BATCH_NORM
from edgegan.lowering.graph import argument, is_call, is_parameter

aten = torch.ops.aten


class GraphStudent(nn.Module):
    """As the graph; in training mode its batch norms see the batch, and follow its statistics.

    Args:
        graph: in which batch norms are those of a captured eval mode; its parameters will learn.
    """

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__()
        self.graph = graph.requires_grad_(True)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        result = _Training(self.graph).run(*inputs) if self.training else self.graph(*inputs)
        image: torch.Tensor = torch.utils._pytree.tree_leaves(result)[0]
        return image

    def gains(self) -> list[torch.Tensor]:
        """Of all norms that have some."""
        weights = dict(self.graph.named_parameters())
        return [weights[name] for name in gain_names(self.graph)]


def gain_names(graph: fx.GraphModule) -> list[str]:
    """Parameters that norms multiply channels by."""
    norms = [n for n in graph.graph.nodes if is_call(n, BATCH_NORM, aten.instance_norm.default)]
    gains = [argument(node, 1) for node in norms]
    return list(dict.fromkeys(str(gain.target) for gain in gains if is_parameter(gain)))


class _Training(fx.Interpreter):
    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if target is not BATCH_NORM:
            return super().call_function(target, args, kwargs)
        x, weight, bias, mean, variance, momentum, eps = args
        return (F.batch_norm(x, mean, variance, weight, bias, True, momentum, eps),)
