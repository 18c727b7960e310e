"""Adaptive rounding, against the formulas of Nagel et al. 2020."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgegan.quantization.grid import IntegerGrid
from edgegan.tuning.adaptive_rounding import AdaptiveRounding, annealed_beta

GRID = IntegerGrid(4, True, 0)


def rounding(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, AdaptiveRounding]:
    random = torch.Generator().manual_seed(seed)
    weight = torch.randn(3, 5, generator=random)
    scale = weight.abs().amax(1) / 9  # some are clipped
    return weight, scale[:, None], AdaptiveRounding(weight, scale, GRID)


def test_it_starts_at_the_float_weight() -> None:
    weight, scale, one = rounding()
    clipped = (weight / scale).clamp(GRID.low, GRID.high) * scale
    torch.testing.assert_close(one.soft(), clipped, rtol=0, atol=float(scale.max()) * 2e-4)


@given(st.integers(0, 2**31), st.floats(-6, 6))
def test_weights_stay_between_floor_and_ceiling(seed: int, shift: float) -> None:
    weight, scale, one = rounding(seed)
    one.logits.data += shift
    exact = (weight / scale).numpy()
    for values in (one.soft(), one.hard()):
        steps = (values / scale).detach().numpy()
        assert (steps >= np.clip(np.floor(exact), GRID.low, GRID.high) - 1e-5).all()
        assert (steps <= np.clip(np.floor(exact) + 1, GRID.low, GRID.high) + 1e-5).all()
    integers = (one.hard() / scale).detach()
    torch.testing.assert_close(integers, integers.round(), rtol=0, atol=1e-5)


def test_the_regularizer_is_the_papers() -> None:
    _, _, one = rounding()
    one.logits.data = torch.zeros(3, 5)  # h = 0.5·1.2 - 0.1 = 0.5
    assert float(one.regularizer(20.0).detach()) == pytest.approx(15.0)
    one.logits.data = torch.full((3, 5), 10.0)  # decided
    assert float(one.regularizer(2.0).detach()) == 0.0
    one.logits.data = torch.full((3, 5), float(np.log(3)))  # h = 0.75·1.2 - 0.1 = 0.8
    assert float(one.regularizer(2.0).detach()) == pytest.approx(15 * (1 - 0.6**2), rel=1e-5)


def test_beta_falls_behind_the_warmup() -> None:
    assert annealed_beta(3999, 20000, 0.2) is None
    assert annealed_beta(4000, 20000, 0.2) == 20.0
    assert annealed_beta(12000, 20000, 0.2) == 11.0
    assert annealed_beta(20000, 20000, 0.2) == 2.0
