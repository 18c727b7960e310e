"""Which operators run on integers, and which of their tensors are quantized.

* The input, the weight and the output of every convolution and linear layer are quantized; so are
  additions, multiplications, concatenations and LeakyReLUs of activations, and both inputs and the
  output of every matrix product of activations (but for an output that only a softmax reads).
* A sigmoid runs on integers where it is a factor (SiLU, gates); as the last operator it stays float.
* A ReLU that is the only reader of a layer belongs to it: the quantizer stands behind the ReLU. Where
  the grid says so, a LeakyReLU does, too.
* Where the grid tells positive values apart, what cannot be negative is unsigned.
* Constants beside an activation, and tables whose rows are picked, are quantized on a grid of their own
  values, once.
* Operators that only move values keep their input's grid; the phases of one layer share one. Tensors
  of different layers do not when they are concatenated (a ReLU is absorbed only if its zero point is 0),
  unless the grid says so.
* Everything else is a float island: it reads dequantized values.
* Where the grid leaves activations in float, only weights are quantized.
"""

from __future__ import annotations

import torch
from torch import fx

from edgegan.lowering.channels_last_products import PRODUCTS
from edgegan.lowering.expand_phases import stored_weight
from edgegan.lowering.graph import argument, is_call, is_parameter, shape_of
from edgegan.lowering.hoist_activation import SELECTION
from edgegan.quantization.fake_quantize import FAKE_QUANTIZE
from edgegan.quantization.grid import SATURATION

aten = torch.ops.aten

LAYERS = (aten.conv2d.default, aten.linear.default)
"""Operators with a weight that run on integers."""

JOINS = (aten.add.Tensor, aten.mul.Tensor)
"""Operators on two activations that run on integers."""

ABSORBED = (aten.relu.default, aten.leaky_relu.default)
"""Activation functions that can belong to the operator in front."""

_NONNEGATIVE = (aten.relu.default, aten.softmax.int, aten.sigmoid.default)

_REDUCTIONS = (
    aten.mean.dim,
    aten.sum.dim_IntList,
    aten.var.correction,
    aten.linalg_vector_norm.default,
)


def is_integer(node: fx.Node) -> bool:
    """Whether an operator can run on integers."""
    if is_call(node, *LAYERS):
        is_matrix = is_call(node, aten.linear.default) and len(shape_of(node)) != 2
        weight: fx.Node = node.args[1]  # type: ignore[assignment]
        return is_parameter(stored_weight(weight)) and not is_matrix
    operands = activations(node) if is_call(node, *PRODUCTS, *JOINS) else []
    constants = sum(is_parameter(value) for value in operands)
    if is_call(node, *PRODUCTS):
        return len(operands) == 2 and not constants
    if is_call(node, *JOINS):
        two = len(operands) == 2 and constants < 2 and not node.kwargs
        return two and not is_by_reduction(node) and not is_slope(node)
    if is_call(node, aten.cat.default):
        return all(not is_parameter(value) for value in node.args[0])  # type: ignore[union-attr]
    return is_call(node, aten.leaky_relu.default) or is_gate(node)


def is_gate(node: fx.Node) -> bool:
    """Whether ``node`` is a sigmoid that something is multiplied with."""
    is_factor = any(is_call(reader, aten.mul.Tensor) for reader in readers_of(node))
    return is_call(node, aten.sigmoid.default) and is_factor


def activations(node: fx.Node) -> list[fx.Node]:
    """The inputs of an integer operator but for a layer's weight; constants of joins among them."""
    if is_call(node, *LAYERS):
        return [node.args[0]]  # type: ignore[list-item]
    if is_call(node, aten.cat.default):
        return list(node.args[0])  # type: ignore[arg-type]
    return [arg for arg in node.args[:2] if isinstance(arg, fx.Node)]


def origin(node: fx.Node) -> fx.Node:
    """The node whose values ``node`` moves. Zero padding moves too: zero is on every grid.

    Quantizers count samples along the first axis: where samples lie elsewhere, there is no origin behind.
    """
    while is_call(node, *SELECTION) or is_zero_pad(node):
        source: fx.Node = node.args[0]  # type: ignore[assignment]
        if is_call(node, aten.reshape.default) and shape_of(source)[0] == 1 != shape_of(node)[0]:
            return node
        node = source
    return node


def is_by_reduction(node: fx.Node) -> bool:
    """Whether a product's operands are a tensor and what a reduction made of the same tensor.

    Pixel norm and its like, ``x·rsqrt(mean(x²))``: one island, read in float and quantized once behind it.
    """
    a, b = node.args[:2]
    if not is_call(node, aten.mul.Tensor):
        return False
    if a is b:
        return all(is_call(user, *_REDUCTIONS) for user in node.users)
    return _reduces(a, b) or _reduces(b, a)  # type: ignore[arg-type]


def _reduces(tensor: fx.Node, factor: fx.Node) -> bool:
    """Whether ``factor`` is computed from ``tensor`` by float operators, a reduction among them."""
    waiting, reduced, reached = [factor], False, False
    while waiting:
        node = waiting.pop()
        reached = reached or node is tensor
        if node is not tensor and node.op == "call_function" and not is_call(node, *LAYERS):
            reduced = reduced or is_call(node, *_REDUCTIONS)
            waiting += node.all_input_nodes
    return reduced and reached


def is_slope(node: fx.Node) -> bool:
    """Whether a product is the scaled half of a PReLU, which chooses in float."""
    return all(is_call(user, aten.maximum.default, aten.where.self) for user in node.users)


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


def behind_activation(node: fx.Node, absorbs_leaky_relu: bool) -> fx.Node:
    """``node``, or the activation function that belongs to it."""
    users = list(node.users)
    if len(users) != 1:
        return node
    leaky = absorbs_leaky_relu and is_call(node, *LAYERS, *JOINS)
    belongs = is_call(users[0], *(ABSORBED if leaky else ABSORBED[:1]))
    return users[0] if belongs else node


def is_nonnegative(node: fx.Node) -> bool:
    """Whether no value of ``node`` can be below zero."""
    if is_call(node, aten.cat.default):
        return all(is_nonnegative(origin(value)) for value in activations(node))
    return is_call(node, *_NONNEGATIVE)


def is_softmaxed(node: fx.Node) -> bool:
    """Whether a matrix product goes to softmax alone.

    Its sums leave the integers as they are then: ONNX Runtime's softmax on integers takes 9 times as long
    as its float softmax, and a quantizer in front would only add an error.
    """
    readers = readers_of(node)
    return is_call(node, *PRODUCTS) and all(is_call(r, aten.softmax.int) for r in readers)
