"""What a lowering pass is: a named, exact rewrite with a precondition and a postcondition."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

from torch import fx

from edgegan.errors import ModelError
from edgegan.lowering.graph import is_call, path_of, tidy
from edgegan.targets import LoweringProfile


@dataclass(frozen=True)
class Rewrite:
    """One layer that a pass changed.

    Attributes:
        rule: the pass's name.
        layer: path of the user's module.
        form: what it became.
    """

    rule: str
    layer: str
    form: str


class LoweringPass(Protocol):
    """An exact rewrite: in float32 the graph's outputs stay within 1e-5 relative.

    Attributes:
        name: of the rule.
        requires: ATen operators that must be gone before this pass runs.
        ensures: ATen operators that are gone afterwards.
    """

    name: str
    requires: frozenset[object]
    ensures: frozenset[object]

    def __call__(self, graph: fx.GraphModule, profile: LoweringProfile) -> list[Rewrite]:
        """Rewrite ``graph`` in place and say what was changed."""
        ...


class NodePass(ABC):
    """A lowering pass that looks at every node once, in the graph's order."""

    name: str
    requires: frozenset[object] = frozenset()
    ensures: frozenset[object] = frozenset()

    @abstractmethod
    def rewrite(self, graph: fx.GraphModule, node: fx.Node, profile: LoweringProfile) -> str | None:
        """Rewrite what ends in ``node``; returns the form that it became, or None if it was left."""

    def __call__(self, graph: fx.GraphModule, profile: LoweringProfile) -> list[Rewrite]:
        done = []
        for node in list(graph.graph.nodes):
            path, form = path_of(node), self.rewrite(graph, node, profile)
            if form is not None:
                done.append(Rewrite(self.name, path, form))
        tidy(graph)
        return done


def check_absent(graph: fx.GraphModule, targets: frozenset[object], rule: str, when: str) -> None:
    """Raise unless no node calls one of ``targets``.

    Raises:
        ModelError: names the layer, the operator and the rule.
    """
    for node in graph.graph.nodes:
        if is_call(node, *targets):
            raise ModelError(
                f"layer {path_of(node)}: {node.target} {when} the pass {rule}; "
                "this is a fault of edgegan, please report it with the generator's source."
            )
