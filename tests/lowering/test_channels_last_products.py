"""Attention in channels-last order against PyTorch, and what is left of its transposes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from edgegan.lowering.canonicalize import Canonicalize
from edgegan.lowering.capture import capture
from edgegan.lowering.channels_last_products import ChannelsLastProducts
from edgegan.runtimes.ort import OrtRuntime
from edgegan.targets import ORT_LOWERING, TENSORRT_LOWERING
from tests.attention import SelfAttention
from tests.emitted import emitted
from tests.graphs import Builder, relative_error

aten = torch.ops.aten


@given(
    sizes=st.lists(st.integers(1, 5), min_size=5, max_size=5),
    transposed=st.lists(st.booleans(), min_size=3, max_size=3),
    seed=st.integers(0, 1000),
)
def test_products(sizes: list[int], transposed: list[bool], seed: int) -> None:
    """``[N, C, H, W]`` flattened, perhaps transposed, times another, perhaps transposed, and back."""
    torch.manual_seed(seed)
    inner, height, width, rows, columns = sizes
    a_transposed, b_transposed, result_transposed = transposed
    x = torch.randn(2, inner, height, width)
    matrix = torch.randn(1, inner if a_transposed else height * width, rows * columns)
    build = Builder(x)
    flat = build.call(aten.reshape.default, build.input, [-1, inner, height * width])
    a = build.call(aten.permute.default, flat, [0, 2, 1]) if a_transposed else flat
    b = build.parameter("b", matrix.mT.contiguous() if b_transposed else matrix)
    b = build.call(aten.permute.default, b, [0, 2, 1]) if b_transposed else b
    node = build.call(aten.matmul.default, a, b)
    pixels = height * width if a_transposed else inner
    if result_transposed:
        node = build.call(aten.permute.default, node, [0, 2, 1])
        node = build.call(aten.reshape.default, node, [-1, rows * columns, pixels])
    else:
        node = build.call(aten.reshape.default, node, [-1, pixels, rows, columns])
    graph = build.finish(node)
    x = torch.randn(3, inner, height, width)
    expected = graph(x)
    ChannelsLastProducts()(graph, ORT_LOWERING)
    assert relative_error(expected, graph(x)) <= 1e-5


@pytest.mark.parametrize("pooled", [False, True])
def test_attention(pooled: bool) -> None:
    module = SelfAttention(16, pooled).eval().requires_grad_(False)
    graph = capture(module, (torch.randn(2, 16, 6, 4),))
    Canonicalize()(graph, ORT_LOWERING)
    done = ChannelsLastProducts()(graph, ORT_LOWERING)
    assert [rewrite.form for rewrite in done] == ["transposed product"]
    x = torch.randn(3, 16, 6, 4)
    assert relative_error(module(x), graph(x)) <= 1e-5


def test_only_the_keys_are_transposed() -> None:
    module = nn.Sequential(nn.Conv2d(16, 16, 1), SelfAttention(16, True))
    kernels = OrtRuntime().execution_map(emitted(module, (16, 6, 4)).onnx).kernels
    assert kernels["Transpose"] == 3  # and the graph's input and output
    assert kernels["MatMulIntegerToFloat"] == kernels["QLinearMatMul"] == 1


def test_tensorrt_keeps_its_order() -> None:
    module = SelfAttention(16, True).requires_grad_(False)
    graph = capture(module, (torch.randn(2, 16, 6, 4),))
    Canonicalize()(graph, TENSORRT_LOWERING)
    before = graph.code
    assert ChannelsLastProducts()(graph, TENSORRT_LOWERING) == []
    assert graph.code == before
