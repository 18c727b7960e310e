"""The fake-quantize operator: rounds to a grid in float, differentiable, one node in every graph.

Calibration replaces it by observers, tuning differentiates it, the exact simulation reads its
parameters, and the emitter translates it to QuantizeLinear and DequantizeLinear.

Gradients are straight-through for values (Bengio et al. 2013, arXiv 1308.3432), LSQ for the scale
(Esser et al. 2020, arXiv 1902.08153, equations 3 and 5, gradient scale 1/√(N·high)), and for the zero point
what follows from the clipped values (LSQ+, Bhalgat et al. 2020, arXiv 2004.09576, section 3.2).
"""

from __future__ import annotations

import math
from typing import Any

import torch

NO_AXIS = -1
"""Value of ``axis`` for one scale a tensor."""


def integer_range(bits: int, signed: bool) -> tuple[int, int]:
    """Lowest and highest integer."""
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def along(parameter: torch.Tensor, rank: int, axis: int) -> torch.Tensor:
    """Shape a per-channel parameter ``[C]`` for broadcasting over a tensor of ``rank`` axes."""
    if parameter.ndim == 0 or axis == NO_AXIS:
        return parameter
    shape = [1] * rank
    shape[axis] = -1
    return parameter.view(shape)


@torch.library.custom_op("edgegan::fake_quantize", mutates_args=())
def fake_quantize(
    x: torch.Tensor,
    scale: torch.Tensor,
    zero_point: torch.Tensor,
    bits: int,
    signed: bool,
    axis: int,
) -> torch.Tensor:
    """Round ``x`` to the grid and back.

    Args:
        x: float32, any shape.
        scale: float32, 0-d, or ``[C]`` for the channels of ``axis``; positive.
        zero_point: float32 of the same shape; rounded and clamped to the grid here.
        bits, signed: of the grid.
        axis: channel axis, or ``NO_AXIS``.
    """
    low, high = integer_range(bits, signed)
    s = along(scale, x.ndim, axis)
    z = along(zero_point.round().clamp(low, high), x.ndim, axis)
    return (x / s).round_().add_(z).clamp_(low, high).sub_(z).mul_(s)


@fake_quantize.register_fake
def _(
    x: torch.Tensor,
    scale: torch.Tensor,
    zero_point: torch.Tensor,
    bits: int,
    signed: bool,
    axis: int,
) -> torch.Tensor:
    return torch.empty_like(x)


def _setup(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
    x, scale, zero_point, ctx.bits, ctx.signed, ctx.axis = inputs
    ctx.save_for_backward(x, scale, zero_point)


def _backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    x, scale, zero_point = ctx.saved_tensors
    low, high = integer_range(ctx.bits, ctx.signed)
    s = along(scale, x.ndim, ctx.axis)
    z = along(zero_point.round().clamp(low, high), x.ndim, ctx.axis)
    exact = x / s
    rounded = exact.round()
    below, above = exact <= low - z, exact >= high - z
    inside = ~(below | above)
    reduced = None if scale.ndim == 0 else [d for d in range(x.ndim) if d != ctx.axis % x.ndim]
    step = 1.0 / math.sqrt(x.numel() / scale.numel() * high)

    def total(values: torch.Tensor) -> torch.Tensor:
        return (values.sum() if reduced is None else values.sum(reduced)) * step

    x_gradient = scale_gradient = zero_gradient = None
    if ctx.needs_input_grad[0]:
        x_gradient = gradient * inside
    if ctx.needs_input_grad[1]:
        clipped = torch.where(below, low - z, high - z)
        scale_gradient = total(gradient * torch.where(inside, rounded - exact, clipped))
    if ctx.needs_input_grad[2]:
        zero_gradient = total(gradient * ~inside * -s)
    return x_gradient, scale_gradient, zero_gradient, None, None, None


fake_quantize.register_autograd(_backward, setup_context=_setup)

FAKE_QUANTIZE = torch.ops.edgegan.fake_quantize.default
"""The operator as it stands in graphs."""
