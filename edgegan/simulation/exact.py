"""The exact simulation: runs a quantized graph as the engine does, on integers.

Convolutions and matrix products accumulate in float64, where sums of 8-bit products are exact.
Operators that only move values work on the integers. What is neither is a float island: dequantize,
compute in float32, quantize again at the next quantizer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import fx

from edgegan.errors import ModelError
from edgegan.lowering.channels_last_products import PRODUCTS
from edgegan.lowering.expand_phases import EXPAND_PHASES
from edgegan.lowering.graph import is_call, is_parameter
from edgegan.lowering.hoist_activation import SELECTION
from edgegan.quantization.codebook_quantize import CODEBOOK_QUANTIZE, codebook_integers
from edgegan.quantization.fake_quantize import FAKE_QUANTIZE, along, integer_range
from edgegan.quantization.placement_rules import ABSORBED, JOINS, LAYERS, is_zero_pad
from edgegan.simulation.arithmetic import (
    Accumulator,
    Binary,
    Quantized,
    integer_bias,
    quantize,
    requantize,
)
from edgegan.simulation.integer_sums import convolution
from edgegan.simulation.processors import ORT_X86, Arithmetic

aten = torch.ops.aten

_TABLES = (aten.leaky_relu.default, aten.cat.default)
"""Operators that engines run on integers by a table of 256 entries, made by the float definition."""


@torch.no_grad()
def simulate(
    graph: fx.GraphModule,
    inputs: tuple[torch.Tensor, ...],
    arithmetic: Arithmetic = ORT_X86,
    engine: Mapping[str, torch.Tensor] | None = None,
    unrounded: Collection[str] = (),
    nudged: Mapping[str, float] | None = None,
) -> Simulated:
    """Run ``graph`` on float32 ``inputs``.

    Args:
        arithmetic: of the runtime that is simulated.
        engine: integers of the engine by quantizer node. Behind a float island the simulation goes
            on with them, so that each integer region is judged by itself: float operators differ
            in their last bits between machines, and one different rounding there would otherwise
            cascade through everything behind it. Where the arithmetic is not exact, it goes on with
            them everywhere: each tensor is judged by itself.
        unrounded: quantizer nodes that limit values to their range, but do not round them.
        nudged: steps that quantizer nodes add to values before they round them.
    """
    interpreter = _Simulation(graph, arithmetic, engine or {}, unrounded, nudged or {})
    output = interpreter.run(*inputs)
    return Simulated(output, interpreter.integers, frozenset(interpreter.islands))


@dataclass(frozen=True)
class Simulated:
    """What a simulation gives.

    Attributes:
        output: the graph's float32 output.
        integers: float64, of every activation quantizer's node by name, as simulated.
        islands: those quantizers that read a float operator.
    """

    output: Any
    integers: dict[str, torch.Tensor]
    islands: frozenset[str]


class _Simulation(fx.Interpreter):
    def __init__(
        self,
        graph: fx.GraphModule,
        arithmetic: Arithmetic,
        engine: Mapping[str, torch.Tensor],
        unrounded: Collection[str],
        nudged: Mapping[str, float],
    ) -> None:
        super().__init__(graph)
        self.arithmetic = arithmetic
        self.engine = engine
        self.unrounded = unrounded
        self.nudged = nudged
        self.integers: dict[str, torch.Tensor] = {}
        self.islands: set[str] = set()
        self.on_integers = {n for n in graph.graph.nodes if n.op == "placeholder"}

    def run_node(self, n: fx.Node) -> Any:
        if n.op == "output":
            return fx.node.map_arg(n.args[0], lambda a: _values(self.env[a]))
        if n.op != "call_function":
            return super().run_node(n)
        args: Any = fx.node.map_arg(n.args, lambda a: self.env[a])
        if n.target is FAKE_QUANTIZE:
            return self._quantizer(n, args)
        if n.target is CODEBOOK_QUANTIZE:
            return _on_codebook(*args)
        if is_call(n, *LAYERS) and all(isinstance(a, Quantized) for a in args[:2]):
            return _layer(n, args, self.arithmetic)
        if is_call(n, aten.leaky_relu.default) and isinstance(args[0], Accumulator | Binary):
            self.on_integers.add(n)
            return n.target(args[0].values(), *args[1:])  # type: ignore[operator]
        if is_call(n, *_TABLES) and all(
            isinstance(self.env[a], Quantized) for a in n.all_input_nodes
        ):
            self.on_integers.add(n)
        return _run(n, args)

    def _quantizer(self, n: fx.Node, args: tuple[Any, ...]) -> Quantized:
        if n.name in self.unrounded:
            return _limited(*args)
        nudge = self.nudged.get(n.name)
        if nudge is None:
            result = _quantize(self.arithmetic, *args)
        else:
            result = _limited(*args)
            result = replace(result, integers=(result.integers + nudge).round())
        if is_parameter(n.args[0]):
            return result
        self.integers[n.name] = result.integers
        source: Any = n.args[0]
        island = isinstance(args[0], torch.Tensor) and source not in self.on_integers
        if island:
            self.islands.add(n.name)
        known = self.engine.get(n.name)
        if known is None or (self.arithmetic.exact and not island):
            return result
        return replace(result, integers=known.to(torch.float64))


def _run(node: fx.Node, args: tuple[Any, ...]) -> Any:
    first = args[0] if args else None
    if is_call(node, aten.relu.default) and isinstance(first, Accumulator | Binary):
        return replace(first, rectified=True)
    if is_call(node, EXPAND_PHASES) and isinstance(first, Quantized):
        return _expand(first, args)
    both = all(isinstance(a, Quantized) for a in args[:2])
    if is_call(node, *PRODUCTS) and both:
        return _product(node, *args)
    if is_call(node, *JOINS) and both and _read_by_quantizer(node):
        kind = "add" if is_call(node, aten.add.Tensor) else "mul"
        return Binary(kind, args[0], args[1])
    if is_call(node, *SELECTION) and isinstance(first, Quantized):
        moved = node.target(first.integers, *args[1:], **node.kwargs)  # type: ignore[operator]
        return Quantized(moved, first.scale, first.zero_point)
    if is_zero_pad(node) and isinstance(first, Quantized):
        padded = node.target(first.integers - first.zero_point, *args[1:])  # type: ignore[operator]
        return Quantized(padded + first.zero_point, first.scale, first.zero_point)
    if is_call(node, aten.cat.default) and _on_one_grid(first):
        joined = torch.cat([a.integers for a in args[0]], *args[1:])
        return Quantized(joined, args[0][0].scale, args[0][0].zero_point)
    floats = torch.utils._pytree.tree_map_only((Quantized, Accumulator, Binary), _values, args)
    return node.target(*floats, **node.kwargs)  # type: ignore[operator]


def _expand(kernel: Quantized, args: tuple[Any, ...]) -> Quantized:
    """Phases of an integer kernel: sums of its integers, on its scales."""
    integers = EXPAND_PHASES(kernel.integers, *args[1:])
    if not kernel.scale.ndim:
        return replace(kernel, integers=integers)
    phases = len(integers) // len(kernel.integers)
    scale, zero = (value.reshape(-1).repeat(phases) for value in (kernel.scale, kernel.zero_point))
    shape = (-1, 1, 1, 1)
    return Quantized(integers, scale.reshape(shape), zero.reshape(shape))


def _layer(node: fx.Node, args: tuple[Any, ...], arithmetic: Arithmetic) -> Accumulator:
    x, w = args[0], args[1]
    bias = args[2] if len(args) > 2 else None
    scale = x.scale * (w.scale.reshape(-1) if w.scale.ndim else w.scale)
    units = integer_bias(bias, scale) if bias is not None and arithmetic.integer_bias else None
    values, weight = x.integers - x.zero_point, w.integers - w.zero_point
    if is_call(node, aten.conv2d.default):
        sums = convolution(values, weight, *args[3:])
        sums = sums if units is None else sums + along(units, 4, 1)
    else:
        sums = node.target(values, weight, units, *args[3:])  # type: ignore[operator]
    shaped = along(scale, sums.ndim, 1) if scale.ndim else scale
    behind = None if bias is None or arithmetic.integer_bias else along(bias, sums.ndim, 1)
    return Accumulator(sums, shaped, behind)


def _product(node: fx.Node, a: Quantized, b: Quantized) -> Accumulator | torch.Tensor:
    """Sums on their way to a grid, or float values where the engine leaves the integers here."""
    sums = node.target(a.integers - a.zero_point, b.integers - b.zero_point)  # type: ignore[operator]
    pending = Accumulator(sums, a.scale * b.scale)
    return pending if _read_by_quantizer(node) else pending.values()


def _quantize(
    arithmetic: Arithmetic,
    x: Any,
    scale: torch.Tensor,
    zero_point: torch.Tensor,
    bits: int,
    signed: bool,
    axis: int,
) -> Quantized:
    low, high = integer_range(bits, signed)
    zero_point = zero_point.round().clamp(low, high)
    if isinstance(x, Quantized):
        return x  # already on this grid: a copy behind data movement
    if isinstance(x, Accumulator):
        return requantize(x, scale, zero_point, low, high)
    if isinstance(x, Binary):
        compute = arithmetic.add if x.kind == "add" else arithmetic.multiply
        return compute(x, scale, zero_point, low, high)
    s, z = along(scale, x.ndim, axis), along(zero_point, x.ndim, axis)
    return quantize(x, s, z, low, high)


def _limited(
    x: Any,
    scale: torch.Tensor,
    zero_point: torch.Tensor,
    bits: int,
    signed: bool,
    axis: int,
) -> Quantized:
    """``clamp(x / s + z)``: the quantizer without its rounding."""
    if isinstance(x, Quantized):
        return x  # already on this grid
    low, high = integer_range(bits, signed)
    values = x if isinstance(x, torch.Tensor) else x.values()
    if isinstance(x, Accumulator | Binary) and x.rectified:
        values = values.relu()
    s, z = (
        along(scale, values.ndim, axis),
        along(zero_point.round(), values.ndim, axis).to(torch.float64),
    )
    return Quantized(((values / s).to(torch.float64) + z).clamp(low, high), scale, z)


def _on_codebook(
    x: torch.Tensor, scale: torch.Tensor, thresholds: torch.Tensor, codebook: torch.Tensor
) -> Quantized:
    """A weight as its codebook's integers, which are symmetric."""
    integers = codebook_integers(x, scale, thresholds, codebook).to(torch.float64)
    shaped = along(scale, x.ndim, 0)
    return Quantized(integers, shaped, torch.zeros_like(shaped, dtype=torch.float64))


def _values(value: Any) -> Any:
    if isinstance(value, Quantized):
        return value.values()
    if isinstance(value, Accumulator | Binary):
        raise ModelError("a layer's sums leave the graph without a quantizer behind them.")
    return value


def _on_one_grid(tensors: Any) -> bool:
    """Whether a concatenation moves integers; else the engine requantizes each input by a table."""
    if not all(isinstance(tensor, Quantized) for tensor in tensors):
        return False
    first = tensors[0]
    return all(
        torch.equal(t.scale, first.scale) and torch.equal(t.zero_point, first.zero_point)
        for t in tensors
    )


def _read_by_quantizer(node: fx.Node) -> bool:
    """Whether the engine fuses this operator: every reader is a quantizer, perhaps behind a ReLU.

    A LeakyReLU stands there where it belongs to this operator, else it has a quantizer of its own.
    """
    readers = list(node.users)
    if len(readers) == 1 and is_call(readers[0], *ABSORBED):
        readers = list(readers[0].users)
    return all(is_call(reader, FAKE_QUANTIZE) for reader in readers)
