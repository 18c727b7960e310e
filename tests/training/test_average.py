"""Moving averages and the buffers that go with them."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from edgegan.generators.blocks.convolution import spectrally_normalized
from edgegan.generators.blocks.mapping import Mapping
from edgegan.training.average import follow, settle


def test_parameters_move_and_buffers_are_taken_over() -> None:
    live = nn.BatchNorm1d(2)
    average = copy.deepcopy(live)
    with torch.no_grad():
        live.weight.fill_(3.0)
        live.running_mean.fill_(5.0)  # type: ignore[union-attr]
    follow(average, live, 0.75)
    torch.testing.assert_close(average.weight.data, torch.full((2,), 0.75 * 1 + 0.25 * 3))
    torch.testing.assert_close(average.running_mean, torch.full((2,), 5.0))


def test_batch_norm_becomes_the_mean_over_batches() -> None:
    norm = nn.BatchNorm1d(3)
    batches = [torch.randn(50, 3) * 2 + 5 for _ in range(4)]
    left = list(batches)
    settle(norm, lambda: (left.pop(0),), 4)
    stacked = torch.stack(batches)
    torch.testing.assert_close(norm.running_mean, stacked.mean((0, 1)))
    torch.testing.assert_close(norm.running_var, stacked.var(1, unbiased=True).mean(0))
    assert not norm.training and norm.momentum == 0.1


def test_spectral_norm_and_mean_style_fit_the_averaged_weights() -> None:
    torch.manual_seed(0)
    layer = spectrally_normalized(nn.Linear(6, 4))
    with torch.no_grad():
        layer.parametrizations.weight.original.copy_(torch.randn(4, 6))  # type: ignore[union-attr,operator]
    settle(layer, lambda: (torch.randn(2, 6),), 50)
    largest = torch.linalg.matrix_norm(layer.weight.detach(), 2)  # type: ignore[arg-type]
    assert float(largest) == pytest.approx(1.0, abs=1e-3)

    mapping = Mapping(8, 8, 2)
    settle(mapping, lambda: (torch.randn(64, 8),), 1000)
    mean = mapping(torch.randn(20_000, 8)).mean(0)
    torch.testing.assert_close(mapping.average, mean, atol=0.02, rtol=0)
