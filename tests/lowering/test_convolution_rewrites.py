"""The rewrites of convolution layers, in float32 against PyTorch's own operators."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import fx
from torch.nn import functional as F

from edgegan.lowering.forms import Form
from edgegan.lowering.image_convolution import PackImageConvolution
from edgegan.lowering.rewrite import LoweringPass, check_absent
from edgegan.lowering.transposed_convolution import LowerTransposedConvolution
from edgegan.lowering.upsample_convolution import LowerUpsampleConvolution
from edgegan.targets import TENSORRT_LOWERING, LoweringProfile
from tests.graphs import Builder, relative_error

aten = torch.ops.aten

TOLERANCE = 1e-5
PROFILES = st.sampled_from(
    [LoweringProfile("joint", False, False), LoweringProfile("all", True, True), TENSORRT_LOWERING]
)
pairs = st.tuples


def sizes(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return pairs(st.integers(low, high), st.integers(low, high))


def rewritten(graph: fx.GraphModule, rule: LoweringPass, profile: LoweringProfile) -> list[Any]:
    done = rule(graph, profile)
    graph.graph.lint()
    return done


@settings(max_examples=150)
@given(
    hw=sizes(1, 6), kernel=sizes(1, 6), stride=sizes(1, 3), padding=sizes(0, 2), extra=sizes(0, 2),
    dilation=sizes(1, 2), groups=st.integers(1, 3), inputs=st.integers(1, 4),
    outputs=st.integers(1, 9), bias=st.booleans(), profile=PROFILES, seed=st.integers(0, 1000),
)  # fmt: skip
def test_transposed_convolution(
    hw: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int],
    padding: tuple[int, int], extra: tuple[int, int], dilation: tuple[int, int], groups: int,
    inputs: int, outputs: int, bias: bool, profile: LoweringProfile, seed: int,
) -> None:  # fmt: skip
    axes = zip(hw, kernel, stride, padding, extra, dilation, strict=True)
    for n, k, s, p, e, d in axes:
        assume(e < max(s, d) and (n - 1) * s - 2 * p + d * (k - 1) + e + 1 >= 1)
    torch.manual_seed(seed)
    x = torch.randn(2, inputs * groups, *hw)
    weight = torch.randn(inputs * groups, outputs, *kernel)
    b = torch.randn(outputs * groups) if bias else None
    build = Builder(x)
    w_node = build.parameter("w", weight)
    b_node = None if b is None else build.parameter("b", b)
    layer = build.call(
        aten.conv_transpose2d.input, build.input, w_node, b_node,
        list(stride), list(padding), list(extra), groups, list(dilation),
    )  # fmt: skip
    graph = build.finish(layer)
    assert len(rewritten(graph, LowerTransposedConvolution(), profile)) == 1
    check_absent(graph, frozenset({aten.conv_transpose2d.input}), "test", "is left")
    x = torch.randn(3, *x.shape[1:])
    expected = F.conv_transpose2d(x, weight, b, stride, padding, extra, groups, dilation)
    assert relative_error(expected, graph(x)) <= TOLERANCE


@settings(max_examples=100)
@given(
    hw=sizes(1, 6), scale=sizes(1, 3), kernel=sizes(1, 5), padding=sizes(0, 3),
    dilation=sizes(1, 2), groups=st.integers(1, 2), inputs=st.integers(1, 4),
    outputs=st.integers(1, 9), bias=st.booleans(), profile=PROFILES, seed=st.integers(0, 1000),
)  # fmt: skip
def test_upsample_convolution(
    hw: tuple[int, int], scale: tuple[int, int], kernel: tuple[int, int], padding: tuple[int, int],
    dilation: tuple[int, int], groups: int, inputs: int, outputs: int, bias: bool,
    profile: LoweringProfile, seed: int,
) -> None:  # fmt: skip
    for n, s, k, p, d in zip(hw, scale, kernel, padding, dilation, strict=True):
        assume(n * s + 2 * p - d * (k - 1) >= 1)
    torch.manual_seed(seed)
    x = torch.randn(2, inputs * groups, *hw)
    weight = torch.randn(outputs * groups, inputs, *kernel)
    b = torch.randn(outputs * groups) if bias else None
    build = Builder(x)
    up = build.call(
        aten.upsample_nearest2d.vec, build.input, [hw[0] * scale[0], hw[1] * scale[1]], None
    )
    w_node = build.parameter("w", weight)
    b_node = None if b is None else build.parameter("b", b)
    layer = build.call(
        aten.conv2d.default, up, w_node, b_node, [1, 1], list(padding), list(dilation), groups
    )
    graph = build.finish(layer)
    assert len(rewritten(graph, LowerUpsampleConvolution(), profile)) == 1
    assert "upsample" not in graph.code
    x = torch.randn(3, *x.shape[1:])
    big = F.interpolate(x, scale_factor=scale, mode="nearest")
    expected = F.conv2d(big, weight, b, 1, padding, dilation, groups)
    assert relative_error(expected, graph(x)) <= TOLERANCE


@settings(max_examples=60)
@given(
    hw=sizes(4, 13), kernel=sizes(2, 7), padding=sizes(0, 3), inputs=st.integers(8, 64),
    outputs=st.integers(1, 4), seed=st.integers(0, 1000), pack=st.sampled_from([1, 2, 4]),
)  # fmt: skip
def test_image_convolution(
    hw: tuple[int, int], kernel: tuple[int, int], padding: tuple[int, int], inputs: int,
    outputs: int, seed: int, pack: int,
) -> None:  # fmt: skip
    for n, k, p in zip(hw, kernel, padding, strict=True):
        assume(n + 2 * p - k + 1 >= 1)
    torch.manual_seed(seed)
    x, weight, b = (
        torch.randn(2, inputs, *hw),
        torch.randn(outputs, inputs, *kernel),
        torch.randn(outputs),
    )
    build = Builder(x)
    layer = build.call(
        aten.conv2d.default, build.input, build.parameter("w", weight), build.parameter("b", b),
        [1, 1], list(padding),
    )  # fmt: skip
    graph = build.finish(layer)
    with pytest.MonkeyPatch.context() as patch:
        name = "edgegan.lowering.image_convolution.choose_form"
        patch.setattr(name, lambda *arguments: Form(False, (pack, pack)))
        done = rewritten(graph, PackImageConvolution(), LoweringProfile("all"))
    assert len(done) == (pack != 1)
    x = torch.randn(3, *x.shape[1:])
    assert relative_error(F.conv2d(x, weight, b, 1, padding), graph(x)) <= TOLERANCE


def test_other_upsampling_is_left_alone() -> None:
    """Not a whole multiple: no phase form."""
    x = torch.randn(2, 3, 4, 4)
    build = Builder(x)
    up = build.call(aten.upsample_nearest2d.vec, build.input, [6, 6], None)
    weight = build.parameter("w", torch.randn(2, 3, 3, 3))
    graph = build.finish(build.call(aten.conv2d.default, up, weight))
    assert LowerUpsampleConvolution()(graph, LoweringProfile("all")) == []
    assert "upsample" in graph.code
