"""Calibration on a layer whose ranges can be computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from edgegan.errors import ModelError
from edgegan.quantization.calibrate import BIAS_LIMIT, Calibration, calibrate
from edgegan.quantization.observers import Quantiles, observer_of
from tests.quantization.test_placement import placed

MIN_MAX = Calibration(observer_of("moving-average", Quantiles(0, 1), 0.5), Quantiles(0, 1))


def linear(weight: list[list[float]], bias: list[float]) -> nn.Module:
    layer = nn.Linear(len(weight[0]), len(weight))
    layer.weight.data = torch.tensor(weight)
    layer.bias.data = torch.tensor(bias)
    return layer.requires_grad_(False)


def test_by_hand() -> None:
    result = placed(linear([[1.0, -2.0], [0.5, 0.25]], [0.0, 1.0]), (2,))
    batches = [(torch.tensor([[1.0, -1.0], [3.0, 0.0]]),)]
    parameters = calibrate(result, batches, MIN_MAX)
    # input: lows -1 and 0 average to -0.5; highs 1 and 3 average to 2: step 2.5/255, zero at 51
    by_name = {q.kind + q.layer: parameters[n] for n, q in result.quantizers.items()}
    source = parameters["input"]
    assert source.scale == np.float32(2.5 / 255)
    assert source.zero_point == 51
    weight = next(p for n, p in parameters.items() if result.quantizers[n].kind == "weight")
    np.testing.assert_allclose(weight.scale, [2 / 127, 0.5 / 127], rtol=1e-6)
    # outputs: (3, 1.25) then (3, 2.5): the lows 1.25, 2.5 do not matter, zero does; high stays 3
    assert len(by_name) == 3
    output = next(p for n, p in parameters.items() if n not in ("input",) and p.scale.ndim == 0)
    assert output.scale == np.float32(3 / 255)


def test_batching_does_not_matter() -> None:
    module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).requires_grad_(False)
    x = torch.randn(30, 4)
    results = []
    for size in (1, 7, 30):
        result = placed(module, (4,))
        results.append(calibrate(result, [(part,) for part in x.split(size)], MIN_MAX))
    for name, value in results[0].items():
        for other in results[1:]:
            np.testing.assert_allclose(other[name].scale, value.scale, rtol=1e-5)
            np.testing.assert_array_equal(other[name].zero_point, value.zero_point)


def test_a_dead_channel_does_not_overflow_its_bias() -> None:
    result = placed(linear([[1e-20, 0.0], [1.0, 1.0]], [100.0, 0.0]), (2,))
    parameters = calibrate(result, [(torch.randn(4, 2),)], MIN_MAX)
    weight = next(p for n, p in parameters.items() if result.quantizers[n].kind == "weight")
    unit = float(parameters["input"].scale) * float(weight.scale[0])
    assert 100.0 / unit <= BIAS_LIMIT * 1.001


@pytest.mark.parametrize("clip", [True, False])
def test_the_range_in_front_of_a_tanh(clip: bool) -> None:
    module = nn.Sequential(linear([[10.0]], [0.0]), nn.Tanh())
    result = placed(module, (1,))
    settings = Calibration(
        observer_of("moving-average", Quantiles(0, 1), 0.5), Quantiles(0, 1), clip
    )
    parameters = calibrate(result, [(torch.tensor([[-2.0], [-2.0]]),)], settings)
    (scale,) = {float(parameters[n].scale) for n, q in result.quantizers.items() if q.limit}
    expected = (math.atanh(1 - 2 / 255 / 64) if clip else 20.0) / 255
    assert scale == pytest.approx(expected, rel=1e-6)


def test_a_known_law_gives_the_range_of_an_input() -> None:
    result = placed(linear([[1.0]], [0.0]), (1,))
    settings = Calibration(
        observer_of("moving-average", Quantiles(0, 1), 0.5), Quantiles(0, 1), True, ((-3.92, 3.92),)
    )
    parameters = calibrate(result, [(torch.tensor([[0.5]]),)], settings)
    assert float(parameters["input"].scale) == pytest.approx(2 * 3.92 / 255)


def test_no_images_is_an_error() -> None:
    with pytest.raises(ModelError, match="no images"):
        calibrate(placed(nn.Linear(2, 2).requires_grad_(False), (2,)), [], MIN_MAX)


def test_infinite_activations_name_the_layer() -> None:
    result = placed(linear([[1.0, 1.0]], [0.0]), (2,))
    with pytest.raises(ModelError, match="not finite"):
        calibrate(result, [(torch.full((1, 2), float("inf")),)], MIN_MAX)
