"""Where quantizers stand on the lowered graph. Decided once here; everything later reads it.

* The input, the weight and the output of every convolution and linear layer are quantized; so are
  additions, multiplications, concatenations and LeakyReLUs of activations, and both inputs and the
  output of every matrix product of activations (but for an output that only a softmax reads).
* A ReLU that is the only reader of a layer belongs to it: the quantizer stands behind the ReLU.
* Operators that only move values keep their input's grid; the phases of one layer share one. Tensors
  of different layers do not when they are concatenated: a ReLU is absorbed only if its zero point is 0.
* Everything else is a float island: it reads dequantized values.
* Where the grid leaves activations in float, only weights are quantized.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import fx, nn

from edgegan.errors import RecipeError
from edgegan.lowering.channels_last_products import PRODUCTS
from edgegan.lowering.expand_phases import stored_weight
from edgegan.lowering.graph import (
    argument,
    is_call,
    is_parameter,
    path_of,
    read_parameter,
    shape_of,
)
from edgegan.lowering.hoist_activation import SELECTION
from edgegan.quantization.fake_quantize import FAKE_QUANTIZE, NO_AXIS
from edgegan.quantization.grid import SATURATION, IntegerGrid
from edgegan.targets import Grid

aten = torch.ops.aten

LAYERS = (aten.conv2d.default, aten.linear.default)
"""Operators with a weight that run on integers."""

JOINS = (aten.add.Tensor, aten.mul.Tensor)
"""Operators on two activations that run on integers."""

QUANTIZERS = "quantizers"


@dataclass(frozen=True)
class Quantizer:
    """One grid on the graph, perhaps shared by several nodes.

    Attributes:
        name: unique; also the prefix of its parameters.
        kind: ``activation`` or ``weight``.
        grid: its integers.
        layer: path of the user's module whose output or weight it is.
        parameter: of a weight quantizer, the name of the weight in the graph.
        limit: of an activation quantizer, the magnitude beyond which its readers are saturated.
        input_index: of a quantizer of a graph input, which one.
    """

    name: str
    kind: str
    grid: IntegerGrid
    layer: str
    parameter: str | None = None
    limit: float | None = None
    input_index: int | None = None


@dataclass(frozen=True)
class Placed:
    """A graph with fake-quantize nodes whose scales are still 1.

    Attributes:
        graph: reads scales and zero points from its ``quantizers`` submodule.
        quantizers: by name, in graph order.
        kept_float: paths of the layers that ``keep_float`` names.
    """

    graph: fx.GraphModule
    quantizers: dict[str, Quantizer]
    kept_float: tuple[str, ...]


def place(
    graph: fx.GraphModule,
    grid: Grid,
    weight_bits: int,
    per_channel: bool,
    keep_float: Sequence[str] = (),
) -> Placed:
    """Insert quantizers into ``graph``, in place.

    Args:
        graph: lowered, shapes annotated.
        grid: the target's.
        weight_bits: what every quantized weight is stored in.
        per_channel: one scale an output channel, else one a weight.
        keep_float: shell patterns of module paths whose layers stay float.

    Raises:
        RecipeError: if a ``keep_float`` pattern matches no layer.
    """
    return _Placement(graph, grid, weight_bits, per_channel, keep_float).run()


class _Placement:
    def __init__(
        self,
        graph: fx.GraphModule,
        grid: Grid,
        weight_bits: int,
        per_channel: bool,
        keep_float: Sequence[str],
    ) -> None:
        self.graph = graph
        self.activations = grid.activations
        self.activation_grid = IntegerGrid(8, grid.signed)
        self.weight_grid = IntegerGrid(grid.width(weight_bits), True, 0 if per_channel else None)
        self.keep_float = keep_float
        self.quantizers: dict[str, Quantizer] = {}
        self.group: dict[fx.Node, fx.Node] = {}
        self.inputs = [node for node in graph.graph.nodes if node.op == "placeholder"]

    def run(self) -> Placed:
        kept = self._kept_layers()
        layers = [
            n for n in self.graph.graph.nodes if self._is_integer(n) and path_of(n) not in kept
        ]
        roots: dict[fx.Node, None] = {}
        for node in layers if self.activations else []:
            inputs = [_root(value) for value in _activations(node)]
            output = _behind_activation(node)
            roots.update(dict.fromkeys(inputs))
            if not _is_softmaxed(node):
                roots[output] = None
            phases_of_one_layer = len({path_of(value) for value in inputs}) == 1
            if is_call(node, aten.cat.default) and phases_of_one_layer:
                for value in inputs:
                    self._join(value, output)
        self.graph.add_submodule(QUANTIZERS, nn.Module())
        order = {node: i for i, node in enumerate(self.graph.graph.nodes)}
        parameters: dict[fx.Node, tuple[fx.Node, fx.Node]] = {}
        for root in sorted(roots, key=order.__getitem__):
            self._quantize_activation(root, parameters)
        weights: dict[str, fx.Node] = {}
        for node in layers:
            if is_call(node, *LAYERS):
                self._quantize_weight(node, weights)
        self.graph.graph.lint()
        self.graph.recompile()
        return Placed(self.graph, self.quantizers, tuple(sorted(kept)))

    def _kept_layers(self) -> set[str]:
        paths = {path_of(n) for n in self.graph.graph.nodes if self._is_integer(n)}
        kept: set[str] = set()
        for pattern in self.keep_float:
            matched = {path for path in paths if fnmatch.fnmatchcase(path, pattern)}
            if not matched:
                raise RecipeError(
                    f"quantization.keep_float: {pattern!r} matches no layer; the layers are: "
                    f"{', '.join(sorted(paths))}."
                )
            kept |= matched
        return kept

    def _is_integer(self, node: fx.Node) -> bool:
        if is_call(node, *LAYERS):
            is_matrix = is_call(node, aten.linear.default) and len(shape_of(node)) != 2
            weight: fx.Node = node.args[1]  # type: ignore[assignment]
            return is_parameter(stored_weight(weight)) and not is_matrix
        if is_call(node, *PRODUCTS):
            return len(_activations(node)) == 2
        if is_call(node, *JOINS):
            return len(_activations(node)) == 2 and not node.kwargs
        if is_call(node, aten.cat.default):
            return all(not is_parameter(value) for value in node.args[0])  # type: ignore[union-attr]
        return is_call(node, aten.leaky_relu.default)

    def _join(self, a: fx.Node, b: fx.Node) -> None:
        """Put two tensors on one grid (union-find)."""
        self.group[self._representative(a)] = self._representative(b)

    def _representative(self, node: fx.Node) -> fx.Node:
        while node in self.group and self.group[node] is not node:
            node = self.group[node]
        return node

    def _quantize_activation(
        self, root: fx.Node, parameters: dict[fx.Node, tuple[fx.Node, fx.Node]]
    ) -> None:
        representative = self._representative(root)
        first = self.inputs[-1].next
        if representative not in parameters:
            is_input = representative.op == "placeholder"
            name = self._name(str(representative.target) if is_input else path_of(representative))
            self.quantizers[name] = Quantizer(
                name,
                "activation",
                self.activation_grid,
                path_of(representative),
                limit=saturation_limit(representative),
                input_index=self.inputs.index(representative) if is_input else None,
            )
            with self.graph.graph.inserting_before(first):
                parameters[representative] = self._parameters(name, torch.tensor(1.0))
        scale, zero_point = parameters[representative]
        at = root.next if root.op != "placeholder" else first
        with self.graph.graph.inserting_before(at):
            name = str(scale.target).split(".")[1]
            node = self.graph.graph.create_node(
                "call_function", FAKE_QUANTIZE, name=f"{name}_quantized"
            )
        root.replace_all_uses_with(node)
        node.args = (root, scale, zero_point, 8, self.activation_grid.signed, NO_AXIS)
        node.meta.update(val=root.meta["val"], path=path_of(root), quantizer=name)

    def _quantize_weight(self, layer: fx.Node, done: dict[str, fx.Node]) -> None:
        used: fx.Node = layer.args[1]  # type: ignore[assignment]
        weight = stored_weight(used)
        key = str(weight.target)
        if key not in done:
            value = read_parameter(self.graph, weight)
            name = self._name(path_of(layer) + "_weight")
            grid = self.weight_grid
            self.quantizers[name] = Quantizer(name, "weight", grid, path_of(layer), key)
            shape = () if grid.axis is None else (len(value),)
            with self.graph.graph.inserting_after(weight):
                scale, zero_point = self._parameters(name, torch.ones(shape))
            with self.graph.graph.inserting_after(zero_point):
                axis = NO_AXIS if grid.axis is None else grid.axis
                node = self.graph.graph.call_function(
                    FAKE_QUANTIZE, (weight, scale, zero_point, grid.bits, True, axis)
                )
            node.meta.update(val=weight.meta["val"], path=path_of(layer), quantizer=name)
            done[key] = node
        if used is weight:
            layer.args = (layer.args[0], done[key], *layer.args[2:])
        else:
            used.args = (done[key], *used.args[1:])

    def _parameters(self, name: str, scale: torch.Tensor) -> tuple[fx.Node, fx.Node]:
        holder = nn.Module()
        holder.register_parameter("scale", nn.Parameter(scale, requires_grad=False))
        zero = nn.Parameter(torch.zeros_like(scale), requires_grad=False)
        holder.register_parameter("zero_point", zero)
        getattr(self.graph, QUANTIZERS).add_module(name, holder)
        nodes = []
        for key, value in (("zero_point", zero), ("scale", scale)):
            node = self.graph.graph.get_attr(f"{QUANTIZERS}.{name}.{key}")
            node.meta.update(val=value.to("meta"), path="")
            nodes.append(node)
        return nodes[1], nodes[0]

    def _name(self, path: str) -> str:
        base = re.sub(r"\W", "_", path)
        name, count = base, 1
        while name in self.quantizers:
            name, count = f"{base}_{count}", count + 1
        return name


def _activations(node: fx.Node) -> list[fx.Node]:
    """The activation inputs of an integer operator."""
    if is_call(node, *LAYERS):
        return [node.args[0]]  # type: ignore[list-item]
    if is_call(node, aten.cat.default):
        return list(node.args[0])  # type: ignore[arg-type]
    return [arg for arg in node.args[:2] if isinstance(arg, fx.Node) and not is_parameter(arg)]


def _root(node: fx.Node) -> fx.Node:
    """The node whose values ``node`` moves. Zero padding moves too: zero is on every grid."""
    while is_call(node, *SELECTION) or is_zero_pad(node):
        node = node.args[0]  # type: ignore[assignment]
    return node


def is_zero_pad(node: fx.Node) -> bool:
    """Whether ``node`` pads with zeros."""
    return is_call(node, aten.constant_pad_nd.default) and not argument(node, 2, 0)


def readers_of(node: fx.Node) -> list[fx.Node]:
    """What reads ``node``'s values, behind data movement and quantizers."""
    readers: list[fx.Node] = []
    waiting = list(node.users)
    while waiting:
        user = waiting.pop()
        if is_call(user, *SELECTION, FAKE_QUANTIZE):
            waiting += user.users
        else:
            readers.append(user)
    return readers


def saturation_limit(node: fx.Node) -> float | None:
    """Magnitude beyond which every reader of ``node`` is within 1/64 of an 8-bit level of its end.

    The last layer of a generator often reaches ±20: spread over that range, a grid has few integers
    left for the values that make a picture. 1/64 of a level is far less than anyone sees, yet a
    coarser limit is measured: at half a level, the background of every image is off by the same small
    amount, and the qFID of ``fashion-dcgan`` at w8a8 is 17 times larger.
    """
    readers = readers_of(node)
    if readers and all(is_call(reader, aten.tanh.default) for reader in readers):
        return SATURATION["tanh"]
    if readers and all(is_call(reader, aten.sigmoid.default) for reader in readers):
        return SATURATION["sigmoid"]
    return None


def _behind_activation(node: fx.Node) -> fx.Node:
    users = list(node.users)
    alone = len(users) == 1 and is_call(users[0], aten.relu.default)
    return users[0] if alone else node


def _is_softmaxed(node: fx.Node) -> bool:
    """Whether a matrix product goes to softmax alone.

    Its sums leave the integers as they are then: ONNX Runtime's softmax on integers takes 9 times as long
    as its float softmax, and a quantizer in front would only add an error.
    """
    readers = readers_of(node)
    return is_call(node, *PRODUCTS) and all(is_call(r, aten.softmax.int) for r in readers)


def quantized_nodes(graph: fx.GraphModule) -> list[str]:
    """Names of the activation quantizers' nodes, in graph order."""
    return [
        node.name
        for node in graph.graph.nodes
        if is_call(node, FAKE_QUANTIZE) and not is_parameter(node.args[0])
    ]
