"""ONNX Runtime's integer formulas, as pure functions on exact integers.

Integers are held in float64, which is exact far beyond 32 bits. ``f32`` marks the places where the
engine rounds to single precision; the order of those roundings is what makes the results equal bit
for bit. Proven against ONNX Runtime 1.31.1 with all graph optimizations on (its fused kernels), on
x86 with VNNI.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

f32 = torch.float32
f64 = torch.float64


@dataclass(frozen=True)
class Quantized:
    """A quantized tensor.

    Attributes:
        integers: float64 holding integers.
        scale: float32, 0-d, or shaped for broadcasting over channels.
        zero_point: float64 holding integers, shaped as ``scale``.
    """

    integers: torch.Tensor
    scale: torch.Tensor
    zero_point: torch.Tensor

    def values(self) -> torch.Tensor:
        """float32 values: DequantizeLinear."""
        return (self.integers - self.zero_point).to(f32) * self.scale


@dataclass(frozen=True)
class Accumulator:
    """A layer's exact sums, not yet on its output grid.

    Attributes:
        sums: float64 holding integers.
        scale: float32 s_x·s_w, 0-d or shaped for broadcasting over channels.
        bias: float32, shaped as ``scale``, where the runtime adds it behind the sums; else it is
            among them (``integer_bias``).
        rectified: whether a ReLU is to be applied on the output grid.
    """

    sums: torch.Tensor
    scale: torch.Tensor
    bias: torch.Tensor | None = None
    rectified: bool = False

    def values(self) -> torch.Tensor:
        """float32 values: without a bias, MatMulIntegerToFloat."""
        values = self.sums.to(f32) * self.scale
        return values if self.bias is None else values + self.bias


@dataclass(frozen=True)
class Binary:
    """An addition or multiplication of two quantized tensors, not yet on its output grid."""

    kind: str
    a: Quantized
    b: Quantized
    rectified: bool = False

    def values(self) -> torch.Tensor:
        """float32 values by the operators' definition: dequantize both, then compute."""
        a, b = self.a.values(), self.b.values()
        return a + b if self.kind == "add" else a * b


def quantize(
    values: torch.Tensor, scale: torch.Tensor, zero_point: torch.Tensor, low: int, high: int
) -> Quantized:
    """QuantizeLinear: ``clamp(rint(x / s) + z)`` with the division in float32, half to even."""
    integers = (values / scale).round().to(f64) + zero_point.to(f64)
    return Quantized(integers.clamp(low, high), scale, zero_point.to(f64))


def integer_bias(bias: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """A float bias in units of the accumulator: ``rint(b / (s_x·s_w))``, division in float32."""
    return (bias / scale).round().to(f64)


def requantize(
    accumulator: Accumulator, scale: torch.Tensor, zero_point: torch.Tensor, low: int, high: int
) -> Quantized:
    """Sums to the output grid: ``clamp(rint(f32(acc) · f32(s_x·s_w / s_y)) + z)``.

    A fused ReLU is the clamp at the zero point. With a float bias: ``rint(f32(f32(acc)·f32(s_x·s_w) +
    b) / s_y) + z``, the definition of dequantize, add, quantize.
    """
    z = zero_point.to(f64)
    if accumulator.bias is None:
        scaled = accumulator.sums.to(f32) * (accumulator.scale / scale)
    else:
        scaled = accumulator.values() / scale
    integers = scaled.round().to(f64) + z
    return on_grid(integers, accumulator.rectified, scale, z, low, high)


def requantize_binary(
    binary: Binary, scale: torch.Tensor, zero_point: torch.Tensor, low: int, high: int
) -> Quantized:
    """QLinearAdd and QLinearMul, with their fused multiply-adds.

    Add: ``rint(fma(a, r_a, fma(b, r_b, c)))``, ``r = f32(s / s_y)``,
    ``c = f32(z_y - f32(fma(r_a, z_a, f32(r_b·z_b))))``.
    Mul: ``rint(f32(f32((a-z_a)(b-z_b)) · f32(f32(s_a·s_b) / s_y)) + z_y)``: the zero point is added
    in float32 before the rounding.
    """
    a, b, z = binary.a, binary.b, zero_point.to(f32)
    if binary.kind == "add":
        ratio_a, ratio_b = a.scale / scale, b.scale / scale
        offset = z - fused_multiply_add(
            ratio_a, a.zero_point.to(f32), ratio_b * b.zero_point.to(f32)
        )
        inner = fused_multiply_add(b.integers.to(f32), ratio_b, offset)
        result = fused_multiply_add(a.integers.to(f32), ratio_a, inner)
    else:
        product = (a.integers - a.zero_point).to(f32) * (b.integers - b.zero_point).to(f32)
        result = product * ((a.scale * b.scale) / scale) + z
    integers = result.round().to(f64)
    return on_grid(integers, binary.rectified, scale, zero_point.to(f64), low, high)


def on_grid(
    integers: torch.Tensor,
    rectified: bool,
    scale: torch.Tensor,
    zero_point: torch.Tensor,
    low: int,
    high: int,
) -> Quantized:
    """Clamp rounded results to the output grid; a fused ReLU is the clamp at the zero point."""
    if rectified:
        integers = torch.maximum(integers, zero_point)
    return Quantized(integers.clamp(low, high), scale, zero_point)


def fused_multiply_add(x: torch.Tensor, y: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """x·y + c rounded to float32 once (the product of two float32 is exact in float64)."""
    return (x.to(f64) * y.to(f64) + c.to(f64)).to(f32)
