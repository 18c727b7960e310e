"""What differs between the runtimes' integer arithmetic, and which target has which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from edgegan.simulation import neon
from edgegan.simulation.arithmetic import Binary, Quantized, quantize, requantize_binary
from edgegan.targets import Target

Requantize = Callable[[Binary, torch.Tensor, torch.Tensor, int, int], Quantized]


@dataclass(frozen=True)
class Arithmetic:
    """A runtime's arithmetic.

    Attributes:
        integer_bias: whether biases are added to the integer sums (else in float behind them).
        add, multiply: of two quantized tensors, to the output grid.
    """

    integer_bias: bool
    add: Requantize
    multiply: Requantize


def _by_definition(
    binary: Binary, scale: torch.Tensor, zero_point: torch.Tensor, low: int, high: int
) -> Quantized:
    """Dequantize, compute in float32, quantize."""
    a, b = binary.a.values(), binary.b.values()
    values = a + b if binary.kind == "add" else a * b
    return quantize(values.relu() if binary.rectified else values, scale, zero_point, low, high)


ORT_X86 = Arithmetic(True, requantize_binary, requantize_binary)
ORT_ARM64 = Arithmetic(True, neon.requantize_add, requantize_binary)
TENSORRT = Arithmetic(False, _by_definition, _by_definition)
"""The definition of the operators: TensorRT's own arithmetic is not documented, and was never run here."""


def arithmetic_of(target: Target) -> Arithmetic:
    """How the target's runtime computes."""
    if target.runtime != "ort":
        return TENSORRT
    return ORT_ARM64 if target.processor == "aarch64" else ORT_X86
