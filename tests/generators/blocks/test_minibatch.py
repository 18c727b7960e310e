"""Minibatch standard deviation against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgegan.generators.blocks.minibatch import append_deviation


@pytest.mark.parametrize("samples", [3, 8])
def test_deviation(samples: int) -> None:
    x = np.random.default_rng(0).standard_normal((samples, 5, 3, 2))
    result = append_deviation(torch.from_numpy(x)).numpy()
    assert result.shape == (samples, 6, 3, 2)
    assert np.array_equal(result[:, :5], x)
    group = min(4, samples)
    groups = samples // group
    for index in range(samples):
        members = x[index % groups :: groups]
        assert len(members) == group
        assert np.allclose(result[index, 5], members.std(0).mean(), atol=1e-6)
