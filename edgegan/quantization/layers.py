"""Which weights each layer of a graph gets."""

from __future__ import annotations

from collections.abc import Sequence

from torch import fx

from edgegan.errors import RecipeError
from edgegan.lowering.graph import is_call, path_of
from edgegan.quantization.placement_rules import LAYERS, is_integer
from edgegan.quantization.weights import FLOAT, LayerRule, Weights, weights_of


def weighted_layers(graph: fx.GraphModule) -> list[str]:
    """Paths of the layers whose weights can be quantized, in graph order."""
    nodes = (node for node in graph.graph.nodes if is_call(node, *LAYERS) and is_integer(node))
    return list(dict.fromkeys(path_of(node) for node in nodes))


def weights_of_layers(
    graph: fx.GraphModule,
    default: Weights,
    rules: Sequence[LayerRule] = (),
    keep_float: Sequence[str] = (),
) -> dict[str, Weights]:
    """By the path of every module that can run on integers; ``FLOAT`` where it shall not.

    Args:
        graph: lowered.
        default: of layers that no rule matches.
        rules: the last one that matches wins.
        keep_float: shell patterns of layers that stay float whatever the rules say.

    Raises:
        RecipeError: if a pattern matches no layer, or one with bits none that has weights.
    """
    integer = [node for node in graph.graph.nodes if is_integer(node)]
    paths = {path_of(node) for node in integer}
    weighted = {*weighted_layers(graph)}
    last = tuple(LayerRule(pattern, FLOAT) for pattern in keep_float)
    for key, given in (("layers", rules), ("keep_float", last)):
        for rule in given:
            among = paths if rule.weights.bits is None else weighted
            if not any(rule.matches(path) for path in among):
                raise RecipeError(
                    f"quantization.{key}: {rule.match!r} matches no layer; the layers are: "
                    f"{', '.join(sorted(among))}."
                )
    return {path: weights_of(path, default, (*rules, *last)) for path in sorted(paths)}
