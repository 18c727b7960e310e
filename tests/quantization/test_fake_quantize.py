"""The operator against the NumPy reference, and its gradients against the papers' formulas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgegan.quantization.fake_quantize import FAKE_QUANTIZE, NO_AXIS
from edgegan.quantization.grid import IntegerGrid, dequantize, quantize


@given(st.sampled_from([2, 4, 8]), st.booleans(), st.booleans(), st.integers(0, 500))
def test_equals_the_reference(bits: int, signed: bool, per_channel: bool, seed: int) -> None:
    torch.manual_seed(seed)
    grid = IntegerGrid(bits, signed, 0 if per_channel else None)
    x = torch.randn(3, 4, 2) * 3
    shape = (3,) if per_channel else ()
    scale = torch.rand(shape) + 0.01
    zero_point = torch.randint(grid.low, grid.high + 1, shape)
    axis = 0 if per_channel else NO_AXIS
    actual = FAKE_QUANTIZE(x, scale, zero_point.float(), bits, signed, axis)
    z = zero_point.numpy().astype(np.int64)
    integers = quantize(x.numpy(), scale.numpy(), z, grid)
    np.testing.assert_array_equal(actual.numpy(), dequantize(integers, scale.numpy(), z, grid))


class Round(torch.autograd.Function):
    """Rounding whose gradient is that of the identity: the straight-through estimator."""

    @staticmethod
    def forward(ctx: Any, value: torch.Tensor) -> torch.Tensor:
        return value.round()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return gradient


def reference(
    x: torch.Tensor, scale: torch.Tensor, zero_point: torch.Tensor, low: int, high: int
) -> torch.Tensor:
    """LSQ equations 1 and 2 with a zero point, as they are written; autograd derives the rest."""
    z = Round.apply(zero_point)
    clipped = torch.minimum(torch.maximum(x / scale, low - z), high - z)
    return Round.apply(clipped) * scale


@pytest.mark.parametrize("bits", [3, 4, 8])
@pytest.mark.parametrize("per_channel", [False, True])
def test_gradients(bits: int, per_channel: bool) -> None:
    """d/ds: round(v) - v inside, the clipped integer outside (LSQ eq. 3); d/dz: -s outside."""
    low, high = 0, 2**bits - 1
    x = (torch.randn(5, 40) * 4).requires_grad_()
    shape = (5, 1) if per_channel else ()
    scale = (torch.rand(shape) * 0.2 + 0.05).requires_grad_()
    zero_point = torch.full(shape, 3.0, requires_grad=True)
    upstream = torch.randn(5, 40)
    output = reference(x, scale, zero_point, low, high)
    expected = torch.autograd.grad(output, (x, scale, zero_point), upstream)
    axis = 0 if per_channel else NO_AXIS
    flat = (5,) if per_channel else ()
    s, z = (p.detach().reshape(flat).requires_grad_() for p in (scale, zero_point))
    actual = torch.autograd.grad(FAKE_QUANTIZE(x, s, z, bits, False, axis), (x, s, z), upstream)
    step = 1 / math.sqrt(x.numel() / s.numel() * high)
    torch.testing.assert_close(actual[0], expected[0])
    for mine, theirs in zip(actual[1:], expected[1:], strict=True):
        torch.testing.assert_close(mine, theirs.reshape(mine.shape) * step, rtol=1e-4, atol=1e-5)


def test_scale_gradient_by_hand() -> None:
    """x = 0.8, s = 1: round(v) - v = 0.2; x = 300: the clipped integer 255."""
    x, s, z = torch.tensor([0.8, 300.0]), torch.tensor(1.0, requires_grad=True), torch.tensor(0.0)
    (gradient,) = torch.autograd.grad(FAKE_QUANTIZE(x, s, z, 8, False, NO_AXIS).sum(), (s,))
    assert float(gradient) == pytest.approx((0.2 + 255) / math.sqrt(2 * 255), rel=1e-6)


def test_operator_contract() -> None:
    x = torch.randn(3, 4, requires_grad=True)
    s, z = torch.rand(3).add(0.1).requires_grad_(), torch.zeros(3, requires_grad=True)
    torch.library.opcheck(FAKE_QUANTIZE, (x, s, z, 8, True, 0))
