"""Blocks of a quantized graph: residual blocks, styled blocks, layers with their activation.

A block ends where a single quantized tensor leads on to further layers: behind a layer and its activation
in a chain, behind the norm of a styled block, the sum of a residual block, the whole of an attention block.
Tensors that reach far (a class
embedding, a style that steers every block, the skip connections of a U-Net) do not hold a cut back; they
are further inputs of the blocks that read them.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx

from edgegan.lowering.graph import is_call, is_parameter, path_of
from edgegan.lowering.hoist_activation import SELECTION
from edgegan.quantization.fake_quantize import FAKE_QUANTIZE
from edgegan.quantization.placement_rules import LAYERS, is_zero_pad

_FAR = 4
"""Layers: no residual or attention block of the literature has more side by side."""


@dataclass(frozen=True)
class Block:
    """Consecutive nodes of a graph, by name.

    Attributes:
        name: the user's module at its end.
        nodes: in order, parameters left out.
        inputs: computed in front of the block (or given) and read in it.
        outputs: computed in it and read behind it, or given out.
    """

    name: str
    nodes: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def find_blocks(graph: fx.GraphModule) -> list[Block]:
    """Partition ``graph``'s computation into blocks, each with a quantized layer."""
    computed = [n for n in graph.graph.nodes if n.op == "call_function" and not _is_weight(n)]
    places = {node: place for place, node in enumerate(computed)}
    last = {
        node: max((places.get(reader, len(computed)) for reader in node.users), default=-1)
        for node in computed
    }
    layers = [path_of(node) if is_call(node, *LAYERS) else None for node in computed]
    near = [node for node in computed if not _reaches_far(places[node], last[node], layers)]
    segments: list[list[fx.Node]] = [[]]
    for place, node in enumerate(computed):
        segments[-1].append(node)
        crossing = [n for n in near if places[n] <= place < last[n]]
        is_end = crossing == [node] and is_call(node, FAKE_QUANTIZE) and _leads_to_layer(node)
        if is_end and any(is_call(n, *LAYERS) for n in segments[-1]):
            segments.append([])
    if not any(is_call(node, *LAYERS) for node in segments[-1]) and len(segments) > 1:
        tail = segments.pop()
        segments[-1] += tail
    return [_block(segment) for segment in segments]


def extract(
    graph: fx.GraphModule, inputs: tuple[str, ...], outputs: tuple[str, ...]
) -> fx.GraphModule:
    """The part of ``graph`` that computes ``outputs`` from ``inputs``; it shares the parameters.

    Args:
        inputs, outputs: names of nodes.
    """
    nodes = {node.name: node for node in graph.graph.nodes}
    part = fx.Graph()
    made: dict[fx.Node, fx.Node] = {nodes[name]: part.placeholder(name) for name in inputs}
    wanted: set[fx.Node] = set()
    waiting = [nodes[name] for name in outputs]
    while waiting:
        node = waiting.pop()
        if node not in wanted and node not in made:
            wanted.add(node)
            waiting += node.all_input_nodes
    for node in graph.graph.nodes:
        if node in wanted:
            made[node] = part.node_copy(node, made.__getitem__)
    part.output(tuple(made[nodes[name]] for name in outputs))
    return fx.GraphModule(graph, part)


def _block(segment: list[fx.Node]) -> Block:
    inside = set(segment)
    inputs: dict[str, None] = {}
    for node in segment:
        for source in node.all_input_nodes:
            given = source.op == "placeholder" or source.op == "call_function"
            if given and source not in inside and not _is_weight(source):
                inputs[source.name] = None
    outputs = [node.name for node in segment if any(user not in inside for user in node.users)]
    return Block(
        name=path_of(segment[-1]),
        nodes=tuple(node.name for node in segment),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
    )


def _leads_to_layer(node: fx.Node) -> bool:
    """Whether a quantized layer reads ``node``, as it is or moved."""
    return any(
        is_call(reader, *LAYERS)
        or ((is_call(reader, *SELECTION) or is_zero_pad(reader)) and _leads_to_layer(reader))
        for reader in node.users
    )


def _is_weight(node: fx.Node) -> bool:
    """Whether ``node`` is computed from parameters alone."""
    if is_parameter(node):
        return True
    sources = node.all_input_nodes
    return node.op == "call_function" and bool(sources) and all(map(_is_weight, sources))


def _reaches_far(place: int, last: int, layers: list[str | None]) -> bool:
    between = {path for path in layers[place + 1 : last] if path is not None}
    return len(between) > _FAR
