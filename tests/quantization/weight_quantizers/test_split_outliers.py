"""Outlier channel splitting: the same function in float, smaller weights, and the identity it rests on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgegan.lowering.capture import capture
from edgegan.lowering.lower import lower
from edgegan.quantization.weight_quantizers.split_outliers import (
    parts_of_channels,
    split_outliers,
    split_weight,
)
from edgegan.targets import ORT_LOWERING
from tests.graphs import relative_error


def test_parts_go_to_the_largest() -> None:
    """8 is split in two, then in three (8/2 is still the largest), then 3."""
    weight = np.array([[8.0, -3.0, 1.0], [2.0, 1.0, 1.0]], np.float32)
    assert parts_of_channels(weight, 1).tolist() == [2, 1, 1]
    assert parts_of_channels(weight, 2).tolist() == [3, 1, 1]
    assert parts_of_channels(weight, 3).tolist() == [3, 2, 1]


@pytest.mark.parametrize("m", [2, 3, 4])
def test_rounded_parts_sum_to_the_rounded_weight(m: int) -> None:
    """Hermite's identity, on weights in units of the step that are no ties."""
    weight = np.random.default_rng(m).uniform(-50, 50, (400, 1)).astype(np.float32)
    top = np.array([[127.0 * m]], np.float32)  # makes the step of the split weight 1
    parts = split_weight(np.concatenate([weight, top]), np.array([m]), 8, False)[:-1]
    np.testing.assert_allclose(parts.sum(1), weight[:, 0], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(np.rint(parts).sum(1), np.rint(weight[:, 0]))


class Net(nn.Module):
    """A linear layer, a convolution, and a depthwise one that stays whole."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 8 * 9)
        self.conv = nn.Conv2d(8, 8, 3, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.linear(z)).view(-1, 8, 3, 3)
        return self.depthwise(torch.relu(self.conv(x)))


def test_float_function_is_kept_and_weights_shrink() -> None:
    torch.manual_seed(0)
    module = Net().eval().requires_grad_(False)
    module.conv.weight[3, 2] *= 9
    example = (torch.randn(2, 6),)
    graph = lower(capture(module, example), ORT_LOWERING, example, example).graph
    x = torch.randn(5, 6)
    before = graph(x)
    done = split_outliers(graph, 0.25, {"linear": 4, "conv": 4}, True)
    assert [(s.layer, s.channels, s.parts) for s in done] == [("linear", 6, 8), ("conv", 8, 10)]
    assert relative_error(before, graph(x)) < 1e-6
    largest = {
        name: float(value.abs().max())
        for name, value in graph.named_parameters()
        if "conv" in name and value.ndim == 4
    }
    assert max(largest.values()) < 0.6 * float(module.conv.weight.abs().max())


def test_what_stays_float_is_not_split() -> None:
    module = Net().eval().requires_grad_(False)
    example = (torch.randn(2, 6),)
    graph = lower(capture(module, example), ORT_LOWERING, example, example).graph
    done = split_outliers(graph, 0.1, {"linear": 8}, True)
    assert [split.layer for split in done] == ["linear"]
