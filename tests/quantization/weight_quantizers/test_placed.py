"""Weight quantizers on a graph: placed, calibrated, and trained through."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgegan.lowering.graph import is_call
from edgegan.quantization.calibrate import BIAS_LIMIT, Calibration, calibrate
from edgegan.quantization.codebook_quantize import CODEBOOK_QUANTIZE
from edgegan.quantization.grid import IntegerGrid
from edgegan.quantization.observers import Quantiles, observer_of
from edgegan.quantization.placement import QUANTIZERS, Placed
from edgegan.quantization.weight_quantizers import mse
from tests.quantization.test_placement import placed


def calibrated(module: nn.Module, method: str, **options: object) -> Placed:
    result = placed(module.requires_grad_(False), (4,), quantizer=method, **options)
    observer = observer_of("moving-average", Quantiles(0, 1), 0.99)
    settings = Calibration(observer, Quantiles(0, 1))
    calibrate(result, [(torch.randn(8, 4),)], settings)
    return result


def test_mse_sets_the_scales() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(4, 3)
    result = calibrated(layer, "mse", weight_bits=3)
    (name,) = [q.name for q in result.quantizers.values() if q.kind == "weight"]
    expected = mse.reach(layer.weight.double().numpy(), IntegerGrid(3, True)) / 3
    scale = getattr(result.graph, QUANTIZERS).get_submodule(name).scale
    np.testing.assert_allclose(scale.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("per_channel", [True, False])
def test_two_level_weights_pass_unchanged_at_one_bit(per_channel: bool) -> None:
    layer = nn.Linear(4, 3, bias=False)
    layer.weight.data = torch.tensor([[1.0, -1, 1, 1], [1, 1, -1, -1], [-1, 1, 1, -1]]) * 0.3
    result = calibrated(layer, "em", weight_bits=1, per_channel=per_channel)
    (node,) = [n for n in result.graph.graph.nodes if is_call(n, CODEBOOK_QUANTIZE)]
    weight, *parameters = (result.graph.get_parameter(str(arg.target)) for arg in node.args)
    torch.testing.assert_close(CODEBOOK_QUANTIZE(weight, *parameters), weight)
    assert parameters[2].shape == ((3, 2) if per_channel else (2,))


def test_gradients_reach_the_weights_through_the_codebook() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    result = calibrated(module, "em", weight_bits=2)
    weights = [p for p in result.graph.parameters() if p.ndim == 2 and len(p) in (2, 6)]
    for weight in weights:
        weight.requires_grad_()
    result.graph(torch.randn(5, 4)).square().sum().backward()
    trained = [w for w in weights if w.grad is not None and float(w.grad.abs().max()) > 0]
    assert {tuple(w.shape) for w in trained} == {(6, 4), (2, 6)}


def test_a_dead_channel_on_a_codebook_does_not_overflow_its_bias() -> None:
    layer = nn.Linear(4, 2)
    layer.weight.data = torch.tensor([[1e-20, 0, 0, 0], [1, 1, -1, 0.5]])
    layer.bias.data = torch.tensor([100.0, 0.0])
    result = calibrated(layer, "em", weight_bits=2)
    quantizers = getattr(result.graph, QUANTIZERS)
    (name,) = [q.name for q in result.quantizers.values() if q.kind == "weight"]
    unit = float(quantizers.input.scale) * float(quantizers.get_submodule(name).scale[0])
    assert 100.0 / unit <= BIAS_LIMIT * 1.001
