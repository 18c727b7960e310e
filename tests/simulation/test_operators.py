"""Each operator of a generator, in a small model: what runs on integers, and engine = simulation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from edgegan.emulation.cores import CORES
from edgegan.emulation.machine import EmulatedRuntime
from edgegan.runtimes.ort import OrtRuntime
from edgegan.simulation.processors import ORT_ARM64
from tests.attention import SelfAttention
from tests.emitted import emitted
from tests.machine import requires_exact_cpu


class Residual(nn.Module):
    """An addition, a norm behind it, and a factor."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(16, 16, 3, 1, 1), nn.Conv2d(16, 16, 3, 1, 1)
        self.norm = nn.BatchNorm2d(16)
        nn.init.normal_(self.norm.running_mean)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = (x + self.a(x)) / 2**0.5
        return y + self.b(torch.relu(self.norm(y)))


class Tokens(nn.Module):
    """A linear layer and a plain product on the pixels of a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(16, 16, 1), nn.Conv2d(16, 16, 1)
        self.linear = nn.Linear(16, 32)
        self.matrix = nn.Parameter(torch.randn(32, 16) / 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.first(x).flatten(2).transpose(1, 2)
        tokens = torch.relu(self.linear(tokens)) @ self.matrix
        return self.last(tokens.transpose(1, 2).view(x.shape))


Attention = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


class OneCall(nn.Module):
    """Attention over pixels, however it is called."""

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        self.attention = attention
        self.layers = nn.ModuleList([nn.Conv2d(16, 16, 1) for _ in range(3)])
        self.last = nn.Conv2d(16, 16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (layer(x).flatten(2).transpose(1, 2) for layer in self.layers)
        return self.last(x + self.attention(q, k, v).transpose(1, 2).reshape(x.shape))


def two_heads(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    split = (t.view(len(t), -1, 2, 8).transpose(1, 2) for t in (q, k, v))
    return F.scaled_dot_product_attention(*split, scale=0.5).transpose(1, 2).reshape(q.shape)


def by_einsum(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    weights = torch.einsum("bic,bjc->bij", q, k).softmax(-1)
    return torch.einsum("bij,bjc->bic", weights, v)


def prelu(*slopes: float) -> nn.PReLU:
    layer = nn.PReLU(16)
    nn.init.uniform_(layer.weight, *slopes)
    return layer


@dataclass(frozen=True)
class Case:
    """A module on ``[N, 16, 8, 6]`` and its float islands, by kernel."""

    module: nn.Module
    islands: dict[str, int]


def between(*layers: nn.Module, channels: int = 16) -> nn.Module:
    return nn.Sequential(nn.Conv2d(16, 16, 1), *layers, nn.Conv2d(channels, 16, 3))


CASES = {
    "reflection": Case(between(nn.ReLU(), nn.ReflectionPad2d((1, 2, 3, 0))), {}),
    "instance-norm": Case(between(nn.InstanceNorm2d(16), nn.ReLU()), {"InstanceNormalization": 1}),
    "tracked-instance-norm": Case(between(nn.InstanceNorm2d(16, track_running_stats=True)), {}),
    "residual": Case(Residual(), {}),
    "attention": Case(SelfAttention(16, False), {"Softmax": 1}),
    "pooled-attention": Case(SelfAttention(16, True), {"Softmax": 1}),
    "attention-in-one-call": Case(OneCall(F.scaled_dot_product_attention), {"Softmax": 1}),
    "two-heads": Case(OneCall(two_heads), {"Softmax": 1}),
    "einsum": Case(OneCall(by_einsum), {"Softmax": 1}),
    "max-pool": Case(between(nn.ReLU(), nn.MaxPool2d(3, 1, 1)), {}),
    "average-pool": Case(between(nn.ReLU(), nn.AvgPool2d(2)), {}),
    "pixel-shuffle": Case(between(nn.PixelShuffle(2), nn.ReLU(), channels=4), {}),
    "tokens": Case(Tokens(), {}),
    "silu": Case(between(nn.SiLU()), {}),
    "gelu": Case(between(nn.GELU()), {"Gelu": 1}),
    "depthwise": Case(between(nn.Conv2d(16, 16, 3, 1, 1, groups=16), nn.LeakyReLU(0.2)), {}),
    "spectral-norm": Case(nn.utils.parametrizations.spectral_norm(nn.Conv2d(16, 16, 3)), {}),
    "prelu-equal": Case(between(nn.PReLU(16)), {}),
    "prelu": Case(between(prelu(0.1, 0.4)), {"Mul": 1, "Max": 1}),
    "prelu-steep": Case(between(prelu(-0.5, 1.5)), {"Mul": 1, "Greater": 1, "Where": 1}),
    "sigmoid": Case(between(nn.Sigmoid()), {}),
    "sigmoid-image": Case(nn.Sequential(nn.Conv2d(16, 20, 3), nn.Sigmoid()), {"Sigmoid": 1}),
}


@requires_exact_cpu
@pytest.mark.parametrize("name", CASES)
def test_on_this_machine(name: str) -> None:
    case = CASES[name]
    model = emitted(case.module, (16, 8, 6))
    assert OrtRuntime().execution_map(model.onnx).islands == case.islands
    parity = model.parity(OrtRuntime())
    assert parity.integer_lsb == 0
    assert parity.max_lsb <= 1
    assert parity.tapped_as_shipped


@pytest.mark.slow
@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("name", CASES)
def test_on_arm(name: str) -> None:
    case, runtime = CASES[name], EmulatedRuntime(CORES["cortex-a76"])
    model = emitted(case.module, (16, 8, 6))
    assert runtime.execution_map(model.onnx).islands == case.islands
    parity = model.parity(runtime, ORT_ARM64, 2)
    assert parity.integer_lsb == 0
    assert parity.max_lsb <= 1
