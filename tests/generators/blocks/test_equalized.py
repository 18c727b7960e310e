"""Equalized layers: unit weights, unit outputs, a slower rate."""

from __future__ import annotations

import math

import torch

from edgegan.generators.blocks.equalized import EqualizedConv2d, EqualizedLinear


@torch.no_grad()
def test_weights_are_stored_with_unit_variance_and_used_with_hes() -> None:
    torch.manual_seed(0)
    layer = EqualizedLinear(300, 400, gain=1.5)
    assert abs(float(layer.weight.std()) - 1) < 0.02
    outputs = layer(torch.randn(500, 300))
    assert abs(float(outputs.std()) - 1.5) < 0.03
    convolution = EqualizedConv2d(40, 50, 3, gain=1.0)
    assert abs(float(convolution(torch.randn(8, 40, 16, 16))[..., 2:-2, 2:-2].std()) - 1) < 0.03


def test_the_rate_slows_a_step_and_leaves_the_function() -> None:
    """A gradient step of size e moves the used weight by e * coefficient: 100 times less at rate 0.01."""
    moved = []
    for rate in (1.0, 0.01):
        torch.manual_seed(0)
        layer = EqualizedLinear(16, 4, gain=1.0, bias=2.0, rate=rate)
        x = torch.ones(1, 16)
        before = layer(x)
        used = layer.weight * layer.coefficient
        assert torch.allclose(before, x @ used.T + 2.0, atol=1e-5)
        with torch.no_grad():
            layer.weight += 1e-2
        moved.append(float((layer(x) - before).detach().mean()))
    assert math.isclose(moved[0] / moved[1], 100, rel_tol=1e-2)
