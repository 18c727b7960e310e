"""Styled instance norms in one operator: exact, fewer quantizers, batches and parity as before."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from edgegan.lowering.adaptive_instance_norm import FoldAdaptiveInstanceNorm
from edgegan.lowering.capture import capture
from edgegan.lowering.lower import lower, relative_error
from edgegan.runtimes.ort import OrtRuntime
from edgegan.targets import ORT_LOWERING, TENSORRT_LOWERING
from tests.emitted import emitted
from tests.machine import requires_exact_cpu

aten = torch.ops.aten


class Styled(nn.Module):
    """A convolution whose channels' statistics another one's means decide."""

    def __init__(self, order: int = 0) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 2, 3)
        self.gain, self.bias = nn.Linear(3, 8), nn.Linear(3, 8)
        self.order = order

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        style = x.mean((2, 3))
        gain, bias = (layer(style)[:, :, None, None] for layer in (self.gain, self.bias))
        y = F.instance_norm(F.leaky_relu(self.first(x), 0.2))
        y = [gain * y + bias, bias + y * (gain + 1)][self.order]
        return torch.tanh(self.last(y))


def targets(graph: torch.fx.GraphModule) -> list[object]:
    return [node.target for node in graph.graph.nodes if node.op == "call_function"]


@pytest.mark.parametrize("order", [0, 1])
def test_one_operator_is_left(order: int) -> None:
    module = Styled(order).eval().requires_grad_(False)
    example, probe = (torch.randn(2, 3, 9, 8),), (torch.randn(5, 3, 9, 8),)
    lowered = lower(capture(module, example), ORT_LOWERING, example, probe)
    assert lowered.relative_error <= 1e-5
    found = targets(lowered.graph)
    assert found.count(aten.instance_norm.default) == 1
    assert aten.mul.Tensor not in found and aten.add.Tensor not in found
    kept = lower(capture(module, example), TENSORRT_LOWERING, example, probe)
    assert aten.mul.Tensor in targets(kept.graph)


class Kept(nn.Module):
    """A gain that is no style: a map; and a norm that someone else reads."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        normal = F.instance_norm(x)
        return F.instance_norm(x) * y + y + (normal * y[:, :, :1, :1] + y[:, :, :1, :1]) - normal


def test_what_is_no_style_stays() -> None:
    example = (torch.randn(2, 3, 9, 8), torch.randn(2, 3, 9, 8))
    graph = capture(Kept(), example)
    before = targets(graph)
    assert not FoldAdaptiveInstanceNorm()(graph, ORT_LOWERING)
    assert targets(graph) == before
    assert relative_error(graph, capture(Kept(), example), example) == 0


@requires_exact_cpu
def test_parity_of_batches() -> None:
    model = emitted(Styled(), (3, 9, 8))
    islands = OrtRuntime().execution_map(model.onnx).islands
    assert islands["InstanceNormalization"] == 1 and "Mul" not in islands
    parity = model.parity(OrtRuntime())
    assert parity.integer_lsb == 0
    assert parity.max_lsb <= 1
    assert model.placed.quantizers.keys() >= {"first"}
