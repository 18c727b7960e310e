"""Which operators stand in float between quantizers: against those that were put there."""

from __future__ import annotations

import onnx
import pytest
from torch import nn

from edgegan.runtimes.islands import islands_of
from edgegan.targets import SYMMETRIC_8
from tests.attention import SelfAttention
from tests.emitted import emitted
from tests.simulation.test_operators import Residual, between, prelu

CASES = {
    "residual": (Residual(), {}),
    "leaky": (between(nn.LeakyReLU(0.2)), {}),
    "silu": (between(nn.SiLU()), {}),
    "norm": (between(nn.InstanceNorm2d(16)), {"InstanceNormalization": 1}),
    "attention": (SelfAttention(16, False), {"Softmax": 1}),
    "prelu": (between(prelu(0.1, 0.4)), {"Max": 1, "Mul": 1}),
    "sigmoid": (nn.Sequential(nn.Conv2d(16, 20, 3), nn.Sigmoid()), {"Sigmoid": 1}),
    "tanh": (nn.Sequential(nn.Conv2d(16, 20, 3), nn.Tanh()), {"Tanh": 1}),
}


@pytest.mark.parametrize("name", CASES)
def test_islands(name: str) -> None:
    module, expected = CASES[name]
    model = emitted(module, (16, 8, 6), grid=SYMMETRIC_8)
    assert islands_of(onnx.load_from_string(model.onnx)) == expected
