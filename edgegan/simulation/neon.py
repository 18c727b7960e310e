"""QLinearAdd and QLinearMul as ONNX Runtime computes them on ARM, unlike on x86.

Source of the first: MLAS, ``qladd.cpp``, the part for NEON. Both are proven against ONNX Runtime 1.31.1 on
emulated Cortex-A53, Cortex-A76 and a core with i8mm, for all pairs of bytes. Everything else in
``edgegan.simulation.arithmetic`` holds there as it stands.
"""

from __future__ import annotations

import torch

from edgegan.simulation.arithmetic import Binary, Quantized, f32, f64, fused_multiply_add, on_grid


def requantize_add(
    binary: Binary, scale: torch.Tensor, zero_point: torch.Tensor, low: int, high: int
) -> Quantized:
    """``clamp(roundaway(((a-z_a)·m_a + (b-z_b)·m_b) / 2^k) + z_y)``, halves away from zero.

    ``m = rint(2^k·f32(s / s_y))`` with the k that gives the greater one 22 bits. Where a ratio is
    outside of [2^-14, 2^8), both are below 2^-10, or the greater m rounds up to 2^22, ONNX Runtime
    falls back to float: ``rint(clamp(f32(fma(s_a, a-z_a, f32(s_b·(b-z_b))) / s_y)) + z_y)``.
    """
    a, b, z = binary.a, binary.b, zero_point.to(f64)
    centred_a, centred_b = a.integers - a.zero_point, b.integers - b.zero_point
    ratios = torch.stack([a.scale / scale, b.scale / scale]).to(f64)
    shift = 22 - torch.frexp(ratios.max()).exponent
    units = torch.ldexp(ratios, shift).round()
    in_range = bool((ratios >= 2.0**-14).all() and (ratios < 2.0**8).all())
    if in_range and shift <= 31 and units.max() < 2**22:
        sums = torch.ldexp(centred_a * units[0] + centred_b * units[1], -shift)
        integers = sums.sign() * (sums.abs() + 0.5).floor() + z
    else:
        addend = (b.scale * centred_b.to(f32)).to(f64)
        values = (a.scale.to(f64) * centred_a + addend).to(f32) / scale
        integers = (values.clamp(low - float(z), high - float(z)) + z.to(f32)).round().to(f64)
    return on_grid(integers, binary.rectified, scale, z, low, high)


def requantize_mul(
    binary: Binary, scale: torch.Tensor, zero_point: torch.Tensor, low: int, high: int
) -> Quantized:
    """``rint(fma((a-z_a)(b-z_b), f32(f32(s_a·s_b) / s_y), z_y))``: rounded once where x86 rounds twice.

    The two part where the product lies just beside a half: about one pair of bytes in a million.
    """
    a, b, z = binary.a, binary.b, zero_point.to(f64)
    product = (a.integers - a.zero_point) * (b.integers - b.zero_point)
    ratio = (a.scale * b.scale) / scale
    integers = fused_multiply_add(product.to(f32), ratio, z.to(f32)).round().to(f64)
    return on_grid(integers, binary.rectified, scale, z, low, high)
