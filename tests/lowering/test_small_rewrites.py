"""Pixel shuffle, linear layers on many axes, SiLU and PReLU, against PyTorch's own operators."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from edgegan.lowering.expand_prelu import ExpandPRelu
from edgegan.lowering.expand_silu import ExpandSilu
from edgegan.lowering.flatten_linear import FlattenLinear
from edgegan.lowering.pixel_shuffle import LowerPixelShuffle
from edgegan.targets import ORT_LOWERING, TENSORRT_LOWERING
from tests.graphs import Builder, relative_error

aten = torch.ops.aten


@given(
    height=st.integers(1, 4), width=st.integers(1, 4), factor=st.integers(1, 4),
    channels=st.integers(1, 4), bias=st.booleans(), seed=st.integers(0, 1000),
)  # fmt: skip
def test_pixel_shuffle(
    height: int, width: int, factor: int, channels: int, bias: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    x = torch.randn(2, 3, height, width)
    weight = torch.randn(channels * factor**2, 3, 1, 1)
    b = torch.randn(channels * factor**2) if bias else None
    build = Builder(x)
    nodes = [build.parameter("w", weight), None if b is None else build.parameter("b", b)]
    layer = build.call(aten.conv2d.default, build.input, *nodes)
    graph = build.finish(build.call(aten.pixel_shuffle.default, layer, factor))
    assert len(LowerPixelShuffle()(graph, ORT_LOWERING)) == 1
    assert "pixel_shuffle" not in graph.code
    x = torch.randn(3, 3, height, width)
    expected = F.pixel_shuffle(F.conv2d(x, weight, b), factor)
    assert relative_error(expected, graph(x)) <= 1e-5


def test_pixel_shuffle_of_a_tensor_that_others_read_stays() -> None:
    x = torch.randn(2, 3, 4, 4)
    build = Builder(x)
    layer = build.call(
        aten.conv2d.default, build.input, build.parameter("w", torch.randn(4, 3, 1, 1))
    )
    shuffled = build.call(aten.pixel_shuffle.default, layer, 2)
    graph = build.finish(
        build.call(aten.add.Tensor, shuffled, build.call(aten.mean.default, layer))
    )
    assert LowerPixelShuffle()(graph, ORT_LOWERING) == []
    assert LowerPixelShuffle()(graph, TENSORRT_LOWERING) == []


@given(
    axes=st.lists(st.integers(1, 4), min_size=0, max_size=3), inputs=st.integers(1, 6),
    outputs=st.integers(1, 6), product=st.booleans(), bias=st.booleans(), seed=st.integers(0, 1000),
)  # fmt: skip
def test_linear_layers(
    axes: list[int], inputs: int, outputs: int, product: bool, bias: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    x, weight = torch.randn(2, *axes, inputs), torch.randn(outputs, inputs)
    b = torch.randn(outputs) if bias and not product else None
    build = Builder(x)
    if product:
        matrix = build.parameter("w", weight.t().contiguous())
        node = build.call(aten.matmul.default, build.input, matrix)
    else:
        nodes = [build.parameter("w", weight), None if b is None else build.parameter("b", b)]
        node = build.call(aten.linear.default, build.input, *nodes)
    graph = build.finish(node)
    done = FlattenLinear()(graph, ORT_LOWERING)
    assert len(done) == product + bool(axes)
    layers = [n for n in graph.graph.nodes if n.target is aten.linear.default]
    assert [len(n.meta["val"].shape) for n in layers] == [2]
    x = torch.randn(3, *axes, inputs)
    assert relative_error(F.linear(x, weight, b), graph(x)) <= 1e-5


def test_products_of_activations_are_no_linear_layers() -> None:
    build = Builder(torch.randn(2, 3, 3))
    graph = build.finish(build.call(aten.matmul.default, build.input, build.input))
    assert FlattenLinear()(graph, ORT_LOWERING) == []


def test_silu() -> None:
    x = torch.linspace(-20, 20, 1001).view(1, -1).repeat(2, 1)
    build = Builder(x)
    graph = build.finish(build.call(aten.silu.default, build.input))
    assert len(ExpandSilu()(graph, ORT_LOWERING)) == 1
    assert "silu" not in graph.code
    assert relative_error(F.silu(x), graph(x)) <= 1e-6


@pytest.mark.parametrize(
    ("slopes", "form"),
    [
        ([0.3], "LeakyReLU"),
        ([0.2, 0.2, 0.2], "LeakyReLU"),
        ([0.0, 1.0, 0.25], "maximum of two"),
        ([0.5, 1.5, 0.25], "choice of two"),
        ([-0.5, 0.5, 0.25], "choice of two"),
    ],
)
@pytest.mark.parametrize("shape", [(3,), (3, 4, 5)])
def test_prelu_is_bit_equal(slopes: list[float], form: str, shape: tuple[int, ...]) -> None:
    x, weight = torch.randn(2, *shape), torch.tensor(slopes)
    build = Builder(x)
    graph = build.finish(build.call(aten.prelu.default, build.input, build.parameter("a", weight)))
    assert [rewrite.form for rewrite in ExpandPRelu()(graph, ORT_LOWERING)] == [form]
    x = torch.randn(5, *shape)
    x[0] = 0.0
    assert torch.equal(F.prelu(x, weight), graph(x))
