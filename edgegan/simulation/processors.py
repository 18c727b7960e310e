"""What differs between the runtimes' integer arithmetic, and which target has which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

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
        exact: whether the runtime's integers are equal to these to the last bit.
    """

    integer_bias: bool
    add: Requantize
    multiply: Requantize
    exact: bool = True


def _by_definition(
    binary: Binary, scale: torch.Tensor, zero_point: torch.Tensor, low: int, high: int
) -> Quantized:
    """Dequantize, compute in float32, quantize."""
    values = binary.values()
    return quantize(values.relu() if binary.rectified else values, scale, zero_point, low, high)


ORT_X86 = Arithmetic(True, requantize_binary, requantize_binary)
ORT_ARM64 = Arithmetic(True, neon.requantize_add, neon.requantize_mul)
BY_DEFINITION = Arithmetic(False, _by_definition, _by_definition)
"""The definition of the operators. It stands for TensorRT, too, whose own arithmetic is not documented, and
was never run here."""
OPENVINO = replace(BY_DEFINITION, exact=False)
"""OpenVINO's integer sums are exact, and so is nearly all behind them: of 18 million values of small
networks, 111 were one step off; no other order of roundings gave none. A convolution that adds its sums
to another tensor does not round them before: that is simulated (``unrounded``), or one of 16 would be off.
"""


def arithmetic_of(target: Target) -> Arithmetic:
    """How the target's runtime computes."""
    if target.runtime == "openvino":
        return OPENVINO
    if target.runtime != "ort":
        return BY_DEFINITION
    return ORT_ARM64 if target.processor == "aarch64" else ORT_X86
