"""Modulated convolutions (StyleGAN2): scaled activations around a constant weight, then scaled channels.

Implementations give every sample a kernel of its own, ``W[o, i]·s[i]·d[o]``, and run them as one
convolution whose groups are the samples; no runtime quantizes that, and ONNX cannot say it for a
dynamic batch. Scaling inputs and outputs is the same (Karras et al. 2020, arXiv 1912.04958, appendix B):

    conv(x, W·s·d) = d · conv(s·x, W)        d = rsqrt(Σ_i s_i²·Σ_k W[o, i, k]² + ε)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from edgegan.errors import ModelError
from edgegan.lowering.graph import (
    EXAMPLE_BATCH,
    add_parameter,
    argument,
    insert_call,
    is_call,
    is_parameter,
    path_of,
    read_parameter,
    shape_of,
)
from edgegan.lowering.rewrite import NodePass
from edgegan.targets import LoweringProfile

aten = torch.ops.aten

_CONVOLUTIONS = (aten.conv2d.default, aten.conv_transpose2d.input)
_GROUPS = 6


class LowerModulatedConvolution(NodePass):
    name = "lower-modulated-convolution"
    requires: frozenset[object] = frozenset({aten.view.default, aten._unsafe_view.default})

    def rewrite(self, graph: fx.GraphModule, node: fx.Node, profile: LoweringProfile) -> str | None:
        if is_call(node, aten.sum.dim_IntList):
            _lower_norm(graph, node)
        if not is_call(node, *_CONVOLUTIONS) or not isinstance(argument(node, _GROUPS), fx.Node):
            return None
        _lower(graph, node)
        return "scaled activations"


@dataclass(frozen=True)
class _Kernels:
    """One kernel a sample as a product.

    Attributes:
        constant: ``[A, B, k, k]`` (or broadcasting to it).
        first, second: nodes ``[N, ...]`` that scale the axis A, the axis B, with A, with B elements.
    """

    constant: torch.Tensor
    first: tuple[fx.Node, ...]
    second: tuple[fx.Node, ...]


def _lower(graph: fx.GraphModule, node: fx.Node) -> None:
    transposed = is_call(node, aten.conv_transpose2d.input)
    source, kernels, swapped = _samples(node.args[0]), *_unstack(graph, node.args[1])
    if source is None or kernels is None or argument(node, 2) is not None:
        raise _refusal(node)
    # axes of the constant: outputs and inputs, unless a transposition changes them
    inputs_first = transposed != swapped
    styles = kernels.first if inputs_first else kernels.second
    demodulations = kernels.second if inputs_first else kernels.first
    weight = kernels.constant.transpose(0, 1) if swapped else kernels.constant
    channels = weight.shape[1] if transposed else len(weight)
    path = path_of(node)

    def call(target: Any, *args: Any) -> fx.Node:
        return insert_call(graph, node, target, args, path)

    for style in styles:
        scale = call(aten.reshape.default, style, [-1, shape_of(source)[1], 1, 1])
        source = call(aten.mul.Tensor, source, scale)
    kernel = add_parameter(graph, node, path + ".weight", weight)
    result = call(node.target, source, kernel, None, *node.args[3:_GROUPS], 1, *node.args[7:])
    for demodulation in demodulations:
        scale = call(aten.reshape.default, demodulation, [-1, channels, 1, 1])
        result = call(aten.mul.Tensor, result, scale)
    for user in list(node.users):
        if not is_call(user, aten.reshape.default) or shape_of(user) != shape_of(result):
            raise _refusal(node)
        user.replace_all_uses_with(result)


def _lower_norm(graph: fx.GraphModule, node: fx.Node) -> None:
    """The sum of a modulated kernel's squares: a linear layer on the squared styles."""
    square: Any = node.args[0]
    if not (is_call(square, aten.square.default) or _is_power(square) or _is_self_product(square)):
        return
    if len(shape_of(square)) != 5 or argument(node, 2, False):
        return
    kernels = _factors(graph, square.args[0])
    axes = {axis % 5 for axis in node.args[1]}  # type: ignore[union-attr, operator]
    if kernels is None or axes not in ({2, 3, 4}, {1, 3, 4}):
        return
    over_second = 2 in axes
    styles = kernels.second if over_second else kernels.first
    if not styles or (kernels.first if over_second else kernels.second):
        return
    energy = kernels.constant.double().square().sum((2, 3)).float()
    energy = energy if over_second else energy.t()
    path = path_of(node)

    def call(target: Any, *args: Any) -> fx.Node:
        return insert_call(graph, node, target, args, path)

    vectors = [call(aten.reshape.default, s, [-1, energy.shape[1]]) for s in styles]
    style = vectors[0]
    for other in vectors[1:]:
        style = call(aten.mul.Tensor, style, other)
    weight = add_parameter(graph, node, path + ".energy", energy)
    squared = call(aten.mul.Tensor, style, style)
    node.replace_all_uses_with(call(aten.linear.default, squared, weight))


def _is_power(node: Any) -> bool:
    return is_call(node, aten.pow.Tensor_Scalar) and node.args[1] == 2


def _is_self_product(node: Any) -> bool:
    return is_call(node, aten.mul.Tensor) and node.args[0] is node.args[1]


def _samples(node: Any) -> fx.Node | None:
    """``x [N, C, H, W]`` of ``x.reshape(1, N·C, H, W)``."""
    if not is_call(node, aten.reshape.default):
        return None
    source: fx.Node = node.args[0]
    before, after = shape_of(source), shape_of(node)
    folds = len(before) == 4 and after == (1, before[0] * before[1], *before[2:])
    return source if folds and before[0] == EXAMPLE_BATCH else None


def _unstack(graph: fx.GraphModule, node: Any) -> tuple[_Kernels | None, bool]:
    """Kernels of all samples ``[N·A, B, k, k]``, and whether A and B were exchanged on the way."""
    swapped = False
    while is_call(node, aten.reshape.default, aten.transpose.int, aten.permute.default):
        if is_call(node, aten.reshape.default):
            before, after = shape_of(node.args[0]), shape_of(node)
            if len(before) == len(after) == 5 and before != after:
                return None, swapped
        elif _exchanges(node):
            swapped = not swapped
        else:
            return None, swapped
        node = node.args[0]
    return (_factors(graph, node) if isinstance(node, fx.Node) else None), swapped


def _exchanges(node: fx.Node) -> bool:
    """Whether a movement exchanges the axes 1 and 2 of kernels ``[N, A, B, k, k]``."""
    if len(shape_of(node)) != 5:
        return False
    if is_call(node, aten.permute.default):
        return bool(node.args[1] == [0, 2, 1, 3, 4])
    return {axis % 5 for axis in node.args[1:3]} == {1, 2}  # type: ignore[operator]


def _factors(graph: fx.GraphModule, node: fx.Node) -> _Kernels | None:
    """The product that a node ``[N, A, B, k, k]`` is."""
    shape = shape_of(node)
    if len(shape) != 5:
        return None
    constant, first, second = torch.ones(()), [], []
    waiting = [node]
    while waiting:
        factor = waiting.pop()
        lengths = (1,) * (5 - len(shape_of(factor))) + shape_of(factor)
        if is_parameter(factor) and lengths[0] == 1:
            constant = constant * read_parameter(graph, factor).reshape(lengths)[0]
        elif math.prod(lengths[1:]) == lengths[1] == shape[1]:
            first.append(factor)
        elif math.prod(lengths[1:]) == lengths[2] == shape[2]:
            second.append(factor)
        elif is_call(factor, aten.mul.Tensor):
            for operand in factor.args[:2]:
                if isinstance(operand, fx.Node):
                    waiting.append(operand)
                else:
                    constant = constant * float(operand)  # type: ignore[arg-type]
        elif is_call(factor, aten.reshape.default) and shape_of(factor.args[0]) == lengths:  # type: ignore[arg-type]
            waiting.append(factor.args[0])  # type: ignore[arg-type]
        else:
            return None
    return _Kernels(constant.expand(shape[1:]), tuple(first), tuple(second))


def _refusal(node: fx.Node) -> ModelError:
    return ModelError(
        f"layer {path_of(node)}: a convolution with the batch as its groups is understood where its "
        "kernels are products of a constant weight and factors for inputs and outputs, without a bias "
        "of its own; write it so, or scale activations instead of kernels."
    )
