"""Portions in float32 against one convolution in float64."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgegan.simulation.integer_sums import EXACT, convolution

aten = torch.ops.aten


@settings(max_examples=60, deadline=None)
@given(
    channels=st.sampled_from([1, 3, 64, 700]),
    outputs=st.integers(1, 4),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 2),
    padding=st.integers(0, 2),
    extreme=st.booleans(),
    seed=st.integers(0, 99),
)
def test_equal_to_float64(
    channels: int, outputs: int, kernel: int, stride: int, padding: int, extreme: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    x = torch.randint(-255, 256, (2, channels, 5, 6)).double()
    weight = torch.randint(-127, 128, (outputs, channels, kernel, kernel)).double()
    if extreme:  # every sum is as large as it can be: 700 * 9 * 255 * 127 is far beyond 2^24
        x, weight = torch.full_like(x, 255), torch.full_like(weight, -127)
    args = ([stride, stride], [padding, padding])
    expected = aten.conv2d.default(x, weight, None, *args)
    assert torch.equal(convolution(x, weight, *args), expected)


def test_groups_and_numbers_too_large_for_one_channel() -> None:
    torch.manual_seed(0)
    x, weight = torch.randint(-255, 256, (1, 600, 4, 4)), torch.randint(-127, 128, (4, 300, 2, 2))
    args = ([1, 1], [0, 0], [1, 1], 2)
    expected = aten.conv2d.default(x.double(), weight.double(), None, *args)
    assert torch.equal(convolution(x.double(), weight.double(), *args), expected)
    large = torch.full((1, 2, 2, 2), float(EXACT), dtype=torch.float64)
    ones = torch.ones(1, 2, 2, 2, dtype=torch.float64)
    assert convolution(large, ones).item() == 8 * EXACT
    zeros = torch.zeros(1, 2, 2, 2, dtype=torch.float64)
    assert convolution(zeros, ones).item() == 0
