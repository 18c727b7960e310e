"""Places quantizers on the lowered graph by the rules of ``placement_rules``; all else reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import fx, nn

from edgegan.errors import RecipeError
from edgegan.lowering.expand_phases import stored_weight
from edgegan.lowering.graph import (
    is_call,
    is_parameter,
    path_of,
    read_parameter,
)
from edgegan.quantization.codebook_quantize import CODEBOOK_QUANTIZE
from edgegan.quantization.fake_quantize import FAKE_QUANTIZE, NO_AXIS
from edgegan.quantization.grid import IntegerGrid
from edgegan.quantization.placement_rules import (
    LAYERS,
    activations,
    behind_activation,
    is_integer,
    is_nonnegative,
    is_softmaxed,
    origin,
    saturation_limit,
)
from edgegan.quantization.weights import Weights
from edgegan.targets import Grid

aten = torch.ops.aten

QUANTIZERS = "quantizers"

WEIGHT_QUANTIZERS = (FAKE_QUANTIZE, CODEBOOK_QUANTIZE)
"""Operators that stand behind a quantized weight; its scale is their second argument."""


@dataclass(frozen=True)
class Quantizer:
    """One grid on the graph, perhaps shared by several nodes.

    Attributes:
        name: unique; also the prefix of its parameters.
        kind: ``activation``, ``weight``, or ``constant``: a parameter that stands where activations do.
        grid: its integers; of a weight whose levels are a codebook, those of the codebook.
        layer: path of the user's module whose output or weight it is.
        parameter: of a weight's or constant's quantizer, its name in the graph.
        limit: of an activation quantizer, the magnitude beyond which its readers are saturated.
        input_index: of a quantizer of a graph input, which one.
        weights: of a weight's quantizer, how it is stored.
    """

    name: str
    kind: str
    grid: IntegerGrid
    layer: str
    parameter: str | None = None
    limit: float | None = None
    input_index: int | None = None
    weights: Weights | None = None

    @property
    def codebook_bits(self) -> int | None:
        """Of a weight whose levels are a codebook, the bits of its indices."""
        return self.weights.bits if self.weights and self.weights.is_codebook else None


@dataclass(frozen=True)
class Placed:
    """A graph with fake-quantize nodes whose scales are still 1.

    Attributes:
        graph: reads scales and zero points from its ``quantizers`` submodule.
        quantizers: by name, in graph order.
        kept_float: paths of the layers that stay float because the recipe says so.
    """

    graph: fx.GraphModule
    quantizers: dict[str, Quantizer]
    kept_float: tuple[str, ...]


def place(
    graph: fx.GraphModule, grid: Grid, weights: Mapping[str, Weights], per_channel: bool
) -> Placed:
    """Insert quantizers into ``graph``, in place.

    Args:
        graph: lowered, shapes annotated.
        grid: the target's.
        weights: of each layer, by path; see ``weights_of_layers``.
        per_channel: one scale an output channel, else one a weight.

    Raises:
        RecipeError: if layers that share a weight are to store it differently.
    """
    return _Placement(graph, grid, weights, per_channel).run()


class _Placement:
    def __init__(
        self,
        graph: fx.GraphModule,
        grid: Grid,
        weights: Mapping[str, Weights],
        per_channel: bool,
    ) -> None:
        self.graph = graph
        self.activations = grid.activations
        self.grid = grid
        self.weights = weights
        self.axis = 0 if per_channel else None
        self.quantizers: dict[str, Quantizer] = {}
        self.group: dict[fx.Node, fx.Node] = {}
        self.inputs = [node for node in graph.graph.nodes if node.op == "placeholder"]

    def run(self) -> Placed:
        kept = {path for path, weights in self.weights.items() if weights.bits is None}
        layers = [n for n in self.graph.graph.nodes if is_integer(n) and path_of(n) not in kept]
        behind = {node: behind_activation(node, self.grid.absorbs_leaky_relu) for node in layers}
        absorbed = {output for node, output in behind.items() if output is not node}
        layers = [node for node in layers if node not in absorbed]
        roots: dict[fx.Node, None] = {}
        for node in layers if self.activations else []:
            inputs = [origin(value) for value in activations(node)]
            output = behind[node]
            roots.update(dict.fromkeys(inputs))
            if not is_softmaxed(node):
                roots[output] = None
            phases_of_one_layer = len({path_of(value) for value in inputs}) == 1
            joined = phases_of_one_layer or self.grid.joins_concatenated
            if is_call(node, aten.cat.default) and joined:
                for value in inputs:
                    self._join(value, output)
        self.graph.add_submodule(QUANTIZERS, nn.Module())
        order = {node: i for i, node in enumerate(self.graph.graph.nodes)}
        parameters: dict[fx.Node, tuple[fx.Node, fx.Node]] = {}
        for root in sorted(roots, key=order.__getitem__):
            if is_parameter(root):
                self._quantize_constant(root)
            else:
                self._quantize_activation(root, parameters)
        weights: dict[str, fx.Node] = {}
        for node in layers:
            if is_call(node, *LAYERS):
                self._quantize_weight(node, weights)
        self.graph.graph.lint()
        self.graph.recompile()
        return Placed(self.graph, self.quantizers, tuple(sorted(kept)))

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
                self._grid_of(representative),
                path_of(representative),
                limit=saturation_limit(representative),
                input_index=self.inputs.index(representative) if is_input else None,
            )
            with self.graph.graph.inserting_before(first):
                scale, zero_point = self._scale_and_zero(name, torch.tensor(1.0))
                parameters[representative] = (scale, zero_point)
        scale, zero_point = parameters[representative]
        at = root.next if root.op != "placeholder" else first
        with self.graph.graph.inserting_before(at):
            name = str(scale.target).split(".")[1]
            node = self.graph.graph.create_node(
                "call_function", FAKE_QUANTIZE, name=f"{name}_quantized"
            )
        root.replace_all_uses_with(node)
        grid = self.quantizers[name].grid
        node.args = (root, scale, zero_point, grid.bits, grid.signed, NO_AXIS)
        node.meta.update(val=root.meta["val"], path=path_of(root), quantizer=name)

    def _grid_of(self, root: fx.Node) -> IntegerGrid:
        """Of the activation that ``root`` gives, and of all that are joined to it."""
        members = [root, *(node for node in self.group if self._representative(node) is root)]
        unsigned = self.grid.unsigned_positives and all(is_nonnegative(node) for node in members)
        return IntegerGrid(8, self.grid.signed and not unsigned)

    def _quantize_constant(self, constant: fx.Node) -> None:
        reader = next(iter(constant.users))
        name = self._name(path_of(reader) + "_constant")
        grid = IntegerGrid(8, self.grid.signed)
        self.quantizers[name] = Quantizer(
            name, "constant", grid, path_of(reader), str(constant.target)
        )
        with self.graph.graph.inserting_after(constant):
            scale, zero_point = self._scale_and_zero(name, torch.tensor(1.0))
        with self.graph.graph.inserting_after(scale):
            node = self.graph.graph.call_function(FAKE_QUANTIZE)
        constant.replace_all_uses_with(node)
        node.args = (constant, scale, zero_point, grid.bits, grid.signed, NO_AXIS)
        node.meta.update(val=constant.meta["val"], path=path_of(reader), quantizer=name)

    def _quantize_weight(self, layer: fx.Node, done: dict[str, fx.Node]) -> None:
        used: fx.Node = layer.args[1]  # type: ignore[assignment]
        weight = stored_weight(used)
        key = str(weight.target)
        if key not in done:
            done[key] = self._weight_quantizer(layer, weight)
        first = path_of(done[key])
        if self.weights[first] != self.weights[path_of(layer)]:
            raise RecipeError(
                f"quantization.layers: {first} and {path_of(layer)} share one weight; give both the same "
                "bits and quantizer."
            )
        if used is weight:
            layer.args = (layer.args[0], done[key], *layer.args[2:])
        else:
            used.args = (done[key], *used.args[1:])

    def _weight_quantizer(self, layer: fx.Node, weight: fx.Node) -> fx.Node:
        path = path_of(layer)
        weights = self.weights[path]
        assert weights.bits is not None, "float layers have no quantizers"
        bits = weights.bits if weights.is_codebook else None
        width = self.grid.kernel_width if weights.is_codebook else self.grid.width(weights.bits)
        grid = IntegerGrid(width, True, self.axis)
        name = self._name(path + "_weight")
        self.quantizers[name] = Quantizer(
            name, "weight", grid, path, str(weight.target), weights=weights
        )
        shape = () if grid.axis is None else (len(read_parameter(self.graph, weight)),)
        scale = torch.ones(shape)
        with self.graph.graph.inserting_after(weight):
            if bits is None:
                parameters = self._scale_and_zero(name, scale)
            else:
                levels = torch.zeros(*shape, 1 << bits)
                parameters = self._parameters(
                    name, scale=scale, thresholds=levels[..., 1:].clone(), codebook=levels
                )
        with self.graph.graph.inserting_after(parameters[0]):
            node = self.graph.graph.call_function(
                FAKE_QUANTIZE if bits is None else CODEBOOK_QUANTIZE
            )
        axis = NO_AXIS if grid.axis is None else grid.axis
        rest = (grid.bits, True, axis) if bits is None else ()
        node.args = (weight, *parameters, *rest)
        node.meta.update(val=weight.meta["val"], path=path, quantizer=name)
        return node

    def _scale_and_zero(self, name: str, scale: torch.Tensor) -> tuple[fx.Node, ...]:
        return self._parameters(name, scale=scale, zero_point=torch.zeros_like(scale))

    def _parameters(self, name: str, **values: torch.Tensor) -> tuple[fx.Node, ...]:
        """Register a quantizer's parameters; the nodes that read them, the first one last in the graph."""
        holder = nn.Module()
        getattr(self.graph, QUANTIZERS).add_module(name, holder)
        nodes = []
        for key, value in values.items():
            holder.register_parameter(key, nn.Parameter(value, requires_grad=False))
            node = self.graph.graph.get_attr(f"{QUANTIZERS}.{name}.{key}")
            node.meta.update(val=value.to("meta"), path="")
            nodes.append(node)
        return tuple(nodes)

    def _name(self, path: str) -> str:
        base = re.sub(r"\W", "_", path)
        name, count = base, 1
        while name in self.quantizers:
            name, count = f"{base}_{count}", count + 1
        return name


def quantized_nodes(graph: fx.GraphModule) -> list[str]:
    """Names of the activation quantizers' nodes, in graph order."""
    return [
        node.name
        for node in graph.graph.nodes
        if is_call(node, FAKE_QUANTIZE) and not is_parameter(node.args[0])
    ]
