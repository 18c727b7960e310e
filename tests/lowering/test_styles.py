"""Conditional norms, styles, truncation and gains: what is left of them in the lowered graph."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import fx, nn
from torch.nn import functional as F

from edgegan.lowering.capture import capture
from edgegan.lowering.lower import lower, relative_error
from edgegan.targets import ORT_LOWERING, TENSORRT_LOWERING
from tests.conditional_models import Conditional, ConditionalNorm, Shared, Styled, warmed

aten = torch.ops.aten


def lowered(
    module: nn.Module, *inputs: torch.Tensor, profile: Any = ORT_LOWERING
) -> fx.GraphModule:
    """Rewritten and compared on other batch sizes."""
    captured = capture(module, tuple(value[:2] for value in inputs))
    result = lower(captured, profile, tuple(v[:2] for v in inputs), tuple(v[:3] for v in inputs))
    assert result.relative_error <= 1e-5
    assert relative_error(captured, result.graph, tuple(value[:1] for value in inputs)) <= 1e-5
    return result.graph


def operators(graph: fx.GraphModule) -> Counter[str]:
    return Counter(
        str(node.target).split(".")[1] for node in graph.graph.nodes if node.op == "call_function"
    )


class Behind(nn.Module):
    """A conditional norm whose input others read, so that nothing can take its statistics."""

    def __init__(self, channels: int, condition: nn.Module) -> None:
        super().__init__()
        self.norm = ConditionalNorm(channels, condition)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return self.norm(x, y) + x


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(
    channels=st.integers(1, 9),
    kind=st.sampled_from(["table", "linear", "linear without bias"]),
    size=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_conditional_norms(channels: int, kind: str, size: int, seed: int) -> None:
    torch.manual_seed(seed)
    table = kind == "table"
    condition = (
        nn.Embedding(4, 2 * channels) if table else nn.Linear(3, 2 * channels, kind == "linear")
    )
    x = torch.randn(8, channels, size, size + 1)
    y = torch.randint(0, 4, (8,)) if table else torch.randn(8, 3)
    left = operators(lowered(warmed(Behind(channels, condition), x, y), x, y))
    assert left["mul"] == 1 and left["add"] == 2  # the norm's two, and the sum with x
    assert left["conv2d"] == left["_native_batch_norm_legit_no_training"] == 0
    assert left["slice"] == 0


@pytest.mark.slow
def test_whole_generators() -> None:
    torch.manual_seed(0)
    z, label = torch.randn(8, 6), torch.randint(0, 5, (8,))
    left = operators(lowered(warmed(Conditional(), z, label), z, label))
    assert (left["mul"], left["add"], left["embedding"]) == (2, 3, 4)
    left = operators(lowered(warmed(Shared(), z, label), z, label))
    assert (left["mul"], left["add"], left["linear"]) == (1, 1, 3)
    for profile, norms in ((ORT_LOWERING, 1), (TENSORRT_LOWERING, 2)):
        left = operators(lowered(Styled().eval(), z, profile=profile))
        # pixel norm: a product and a sum; the noise behind the convolution: a sum; the norm of the constant
        # input, which is itself constant: two; the other norm: two, or its own scale and shift
        assert (left["mul"], left["add"], left["sub"], left["select"]) == (
            1 + norms,
            2 + norms,
            0,
            0,
        )


class Truncated(nn.Module):
    """Truncation towards the average in the first layers only, the style repeated for each layer."""

    def __init__(self) -> None:
        super().__init__()
        self.mapping = nn.Linear(4, 5)
        self.register_buffer("average", torch.randn(5))
        self.styles = nn.ModuleList([nn.Linear(5, 3) for _ in range(4)])

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        w = torch.relu(self.mapping(z)).unsqueeze(1).repeat(1, 4, 1)
        psi = torch.where(torch.arange(4)[None, :, None] < 2, 0.7, 1.0)
        w = torch.lerp(self.average, w, psi)
        return torch.stack([layer(w[:, i]) for i, layer in enumerate(self.styles)], 1)


class Gains(nn.Module):
    """Gains and biases on feature maps, as equalized learning rates and fused activations write them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.second = nn.ConvTranspose2d(4, 6, 2, 2)
        self.bias = nn.Parameter(torch.randn(4))
        self.style = nn.Linear(2, 4)
        self.strength = nn.Parameter(torch.randn(1, 6, 1, 1))
        self.register_buffer("noise", torch.randn(1, 1, 10, 10))

    def forward(self, x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        x = self.first(x * 1.0) * 0.5
        x = x * self.style(s)[:, :, None, None] / 3
        x = F.leaky_relu(x, 0.2) * 2**0.5
        x = self.second(x + self.bias[:, None, None])
        x = x + self.strength * self.noise - self.bias.sum()
        return F.relu(x + self.strength) * self.strength.abs() * 3


def test_gains_end_in_their_layers() -> None:
    torch.manual_seed(0)
    graph = lowered(
        Gains().eval().requires_grad_(False), torch.randn(3, 3, 5, 5), torch.randn(3, 2)
    )
    left = operators(graph)
    # the style; noise, with all behind it in one sum
    assert (left["mul"], left["add"], left["sub"], left["div"]) == (1, 1, 0, 0)


def test_truncation_is_in_the_styles() -> None:
    torch.manual_seed(0)
    left = operators(lowered(Truncated().eval().requires_grad_(False), torch.randn(3, 4)))
    assert left == {"linear": 5, "relu": 1, "stack": 1}


class Kept(nn.Module):
    """What folds into no layer: negative gains over activations, readers beside, spatial constants."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 1)
        self.register_buffer("map", torch.randn(1, 1, 5, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x)
        return torch.relu(y) * -2.0 + y * 3 + self.layer(x) * self.map


def test_what_does_not_fold() -> None:
    torch.manual_seed(0)
    left = operators(lowered(Kept().eval().requires_grad_(False), torch.randn(3, 3, 5, 5)))
    # the two gains become depthwise convolutions beside the layer's two uses; the map stays
    assert (left["mul"], left["conv2d"]) == (1, 4)


@pytest.mark.parametrize("parts", [2, (3, 1, 2), "select"])
def test_parts_of_a_layer(parts: Any) -> None:
    class Parts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 6)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.layer(x)
            if parts == "select":
                found = [y.view(-1, 2, 3)[:, i] + i for i in range(2)]
            else:
                found = [1 - part for part in y.split(parts, 1)]
            return torch.cat([part.sin() for part in found], 1)

    graph = lowered(Parts().eval().requires_grad_(False), torch.randn(3, 3))
    left = operators(graph)
    assert left["linear"] == left["sin"] and set(left) == {"linear", "sin", "cat"}
