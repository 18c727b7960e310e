"""The codebook operator: rounds a weight to the levels of a codebook in float, one node in every graph.

    x̂ = scale · codebook[i]        i = number of thresholds below x / scale

It stands behind weights where ``fake_quantize`` does, for quantizers whose levels are no multiples of one
step. Levels are integers of a scale, so kernels and simulation see ordinary symmetric weights.

The gradient of x is straight-through everywhere (QGAN, Wang et al. 2019, section 2.2: "unit derivative"),
and with it that of the scale is ``codebook[i] - x / scale``, scaled as in LSQ (Esser et al. 2020). Levels
and thresholds have none: who tunes weights fits them anew.
"""

from __future__ import annotations

from typing import Any

import torch


def codebook_integers(
    x: torch.Tensor, scale: torch.Tensor, thresholds: torch.Tensor, codebook: torch.Tensor
) -> torch.Tensor:
    """The codebook's entry for every value of ``x``; arguments as of ``codebook_quantize``."""
    entries = codebook.reshape(scale.numel(), -1)
    return entries.gather(1, codebook_indices(x, scale, thresholds)).reshape(x.shape)


def codebook_indices(
    x: torch.Tensor, scale: torch.Tensor, thresholds: torch.Tensor
) -> torch.Tensor:
    """int64 ``[R, n]``: index of every value's level; R is 1 for one codebook a tensor."""
    rows = scale.numel()
    units = x.reshape(rows, -1) / scale.reshape(rows, 1)
    return torch.searchsorted(thresholds.reshape(rows, -1).contiguous(), units)


@torch.library.custom_op("edgegan::codebook_quantize", mutates_args=())
def codebook_quantize(
    x: torch.Tensor, scale: torch.Tensor, thresholds: torch.Tensor, codebook: torch.Tensor
) -> torch.Tensor:
    """Round ``x`` to its levels.

    Args:
        x: float32, any shape.
        scale: float32, 0-d, or ``[C]`` for the channels of the first axis; positive.
        thresholds: float32 ``[L - 1]`` or ``[C, L - 1]``, ascending, in units of the scale.
        codebook: float32 integers ``[L]`` or ``[C, L]``, ascending.
    """
    integers = codebook_integers(x, scale, thresholds, codebook)
    return integers * scale.reshape(scale.shape + (1,) * (x.ndim - scale.ndim))


@codebook_quantize.register_fake
def _(
    x: torch.Tensor, scale: torch.Tensor, thresholds: torch.Tensor, codebook: torch.Tensor
) -> torch.Tensor:
    return torch.empty_like(x)


def _setup(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    x, scale, thresholds, codebook = ctx.saved_tensors
    scale_gradient = None
    if ctx.needs_input_grad[1]:
        rows = scale.numel()
        units = x.reshape(rows, -1) / scale.reshape(rows, 1)
        integers = codebook_integers(x, scale, thresholds, codebook).reshape(rows, -1)
        step = (codebook.abs().max().clamp_min(1.0) * (x.numel() // rows)).rsqrt()
        rounding = gradient.reshape(rows, -1) * (integers - units)
        scale_gradient = (rounding.sum(1) * step).reshape(scale.shape)
    return gradient, scale_gradient, None, None


codebook_quantize.register_autograd(_backward, setup_context=_setup)

CODEBOOK_QUANTIZE = torch.ops.edgegan.codebook_quantize.default
"""The operator as it stands in graphs."""
