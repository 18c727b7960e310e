"""Constant factors and summands, folded, against the eager module."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from edgegan.lowering.canonicalize import Canonicalize
from edgegan.lowering.capture import capture
from edgegan.lowering.fold_constants import FoldConstants
from edgegan.lowering.fold_scale_and_shift import FoldScaleAndShift
from edgegan.targets import ORT_LOWERING
from tests.graphs import Builder, relative_error

aten = torch.ops.aten
Step = Callable[["Net", torch.Tensor], torch.Tensor]


class Net(nn.Module):
    """Whatever a function makes of two convolutions, a vector and a number."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.step = step
        self.a, self.b = nn.Conv2d(4, 4, 3, 1, 1), nn.Conv2d(4, 4, 1)
        self.c = nn.Conv2d(4, 4, 1)
        self.vector = nn.Parameter(torch.randn(4, 1, 1))
        self.number = nn.Parameter(torch.tensor([0.3]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.step(self, x)


def attention(m: Net, x: torch.Tensor) -> torch.Tensor:
    """SAGAN's, without a convolution behind it."""
    flat = m.b(x).flatten(2)
    weights = torch.softmax(torch.bmm(m.a(x).flatten(2).transpose(1, 2), m.c(x).flatten(2)), -1)
    return m.number * torch.bmm(flat, weights.transpose(1, 2)).view(-1, 4, 5, 6) + x


def twice(value: torch.Tensor, operator: Step) -> torch.Tensor:
    """Both sides are one tensor: who scaled it once would scale the result twice."""
    return operator(value, value)  # type: ignore[arg-type]


CASES: list[tuple[Step, list[str]]] = [
    (lambda m, x: m.a(x) * m.vector + m.vector, ["folded into a"]),
    (lambda m, x: 1 - m.a(x) / 3, ["folded into a"]),
    (lambda m, x: (m.vector - m.a(x)) / m.vector - 2, ["folded into a"]),
    (lambda m, x: m.number * m.a(x) + x, ["folded into a"]),
    (lambda m, x: (m.a(x) + m.b(x)) / 1.5, ["folded into a, b"]),
    (lambda m, x: m.b(torch.relu(x) * m.vector - m.vector), ["folded into b"]),
    (lambda m, x: m.a(torch.relu(x) * m.vector), ["folded into a"]),
    (lambda m, x: m.a(torch.relu(x) + m.vector), ["depthwise convolution"]),
    (lambda m, x: m.a((m.a(x) + x) / 2), ["folded into a"]),
    (lambda m, x: torch.relu((m.a(x) + x) / 2) + x, ["depthwise convolution"]),
    (attention, ["folded into b"]),
    (lambda m, x: torch.tanh(x) * 0.5 + 0.5, []),
    (lambda m, x: m.a(x).square() / 2, []),
    (lambda m, x: twice(m.a(x), torch.mul) / 2, []),
    (lambda m, x: twice(m.a(x), torch.add) / 2 + x, ["depthwise convolution"]),
    (lambda m, x: m.a(x) * m.b(x) * m.vector, ["folded into a"]),
    (lambda m, x: (m.a(x) + m.b(x)) * m.vector + 1, ["folded into a, b", "folded into a"]),
    (lambda m, x: (m.a(x) + x) + m.vector, ["folded into a"]),
    (lambda m, x: torch.relu(m.a(x)) * m.number.abs(), ["folded into a"]),
    (lambda m, x: torch.relu(m.a(x)) + m.number, []),
    (lambda m, x: m.a(x) * torch.rsqrt(x.pow(2).mean(1, keepdim=True) + 1e-4), []),
    (lambda m, x: m.b(x) + torch.ones(5, 6), []),
]  # fmt: skip


@pytest.mark.parametrize(("step", "forms"), CASES)
def test_folds_exactly(step: Step, forms: list[str]) -> None:
    torch.manual_seed(0)
    module = Net(step).eval().requires_grad_(False)
    graph = capture(module, (torch.randn(2, 4, 5, 6),))
    FoldConstants()(graph, ORT_LOWERING)
    Canonicalize()(graph, ORT_LOWERING)
    found = [rewrite.form for rewrite in FoldScaleAndShift()(graph, ORT_LOWERING)]
    assert list(dict.fromkeys(found)) == forms
    x = torch.randn(3, 4, 5, 6)
    assert relative_error(module(x), graph(x)) <= 1e-5


@given(
    channels=st.integers(1, 5), kernel=st.integers(1, 3), padding=st.integers(0, 2),
    before=st.booleans(), behind=st.booleans(), shifted=st.booleans(), seed=st.integers(0, 1000),
)  # fmt: skip
def test_random_layers(
    channels: int, kernel: int, padding: int, before: bool, behind: bool, shifted: bool, seed: int
) -> None:
    """[convolution] → scale → [shift] → [convolution]."""
    torch.manual_seed(seed)
    x = torch.randn(2, channels, 8, 7)
    build = Builder(x)
    value = build.call(aten.relu.default, build.input)
    expected = [torch.relu]

    def convolve(name: str) -> None:
        nonlocal value
        weight, bias = torch.randn(channels, channels, kernel, kernel), torch.randn(channels)
        nodes = build.parameter(name + "w", weight), build.parameter(name + "b", bias)
        value = build.call(aten.conv2d.default, value, *nodes, [1, 1], [padding, padding])
        expected.append(lambda t: nn.functional.conv2d(t, weight, bias, 1, padding))

    if before:
        convolve("before")
    scale, shift = torch.randn(1, channels, 1, 1), torch.randn(channels, 1, 1)
    value = build.call(aten.mul.Tensor, value, build.parameter("scale", scale))
    expected.append(lambda t: t * scale)
    if shifted:
        value = build.call(aten.add.Tensor, build.parameter("shift", shift), value)
        expected.append(lambda t: t + shift)
    if behind:
        convolve("behind")
    graph = build.finish(value)
    done = FoldScaleAndShift()(graph, ORT_LOWERING)
    assert bool(done) == (before or behind)
    if done:
        assert {node.target for node in graph.graph.nodes if node.op == "call_function"} == {
            aten.relu.default,
            aten.conv2d.default,
        }
    x = torch.randn(3, channels, 8, 7)
    wanted = x
    for step in expected:
        wanted = step(wanted)
    assert relative_error(wanted, graph(x)) <= 1e-5
