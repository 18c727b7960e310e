"""Padding as lookups, bit-equal to PyTorch's own padding."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from edgegan.lowering.canonicalize import Canonicalize
from edgegan.lowering.capture import capture
from edgegan.lowering.lower import lower
from edgegan.lowering.reflection_padding import LowerReflectionPadding, padding_index
from edgegan.lowering.rewrite import check_absent
from edgegan.runtimes.ort import OrtRuntime
from edgegan.targets import ORT_LOWERING, TENSORRT_LOWERING
from tests.emitted import emitted
from tests.graphs import Builder

aten = torch.ops.aten
MODES = ["reflect", "replicate", "circular"]


@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=2),
    pads=st.lists(st.integers(0, 4), min_size=4, max_size=4),
    mode=st.sampled_from(MODES),
    profile=st.sampled_from([ORT_LOWERING, TENSORRT_LOWERING]),
)
def test_equals_padding(sizes: list[int], pads: list[int], mode: str, profile: object) -> None:
    pads = pads[: 2 * len(sizes)]
    for size, low, high in zip(reversed(sizes), pads[::2], pads[1::2], strict=True):
        limit = {"reflect": size - 1, "circular": size}.get(mode, 9)
        assume(max(low, high) <= limit)
    x = torch.randn(2, 3, *sizes)
    build = Builder(x)
    graph = build.finish(build.call(aten.pad.default, build.input, pads, mode))
    rule = LowerReflectionPadding()
    assert len(rule(graph, profile)) == 1  # type: ignore[arg-type]
    check_absent(graph, rule.ensures, "test", "is left")
    x = torch.randn(5, 3, *sizes)
    assert torch.equal(F.pad(x, pads, mode=mode), graph(x))


def test_the_index_by_hand() -> None:
    assert padding_index(4, 2, 1, "reflect").tolist() == [2, 1, 0, 1, 2, 3, 2]
    assert padding_index(3, 1, 2, "replicate").tolist() == [0, 0, 1, 2, 2, 2]
    assert padding_index(3, 1, 1, "circular").tolist() == [2, 0, 1, 2, 0]


@pytest.mark.parametrize("layer", [nn.ReflectionPad2d(2), nn.ReplicationPad2d((1, 2, 0, 3))])
def test_layers_are_found_in_a_captured_module(layer: nn.Module) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), layer).requires_grad_(False)
    x = torch.randn(2, 3, 6, 6)
    graph = capture(module, (x,))
    Canonicalize()(graph, ORT_LOWERING)
    assert [r.layer for r in LowerReflectionPadding()(graph, ORT_LOWERING)] == ["1"]
    assert torch.equal(module(x), graph(x))


def test_zero_padding_is_left_to_convolutions() -> None:
    module = nn.Sequential(nn.ZeroPad2d(2), nn.Conv2d(3, 20, 3)).requires_grad_(False)
    example = (torch.randn(2, 3, 6, 6),)
    rewrites = lower(capture(module, example), ORT_LOWERING, example, example).rewrites
    assert "lower-reflection-padding" not in {rewrite.rule for rewrite in rewrites}


def test_onnx_runtime_moves_bytes() -> None:
    """No island: the lookups stand between integer convolutions, and nothing is transposed inside."""
    module = nn.Sequential(
        nn.Conv2d(3, 32, 3), nn.ReLU(), nn.ReflectionPad2d(1), nn.Conv2d(32, 32, 3)
    )
    model = emitted(module, (3, 8, 8))
    execution = OrtRuntime().execution_map(model.onnx)
    assert execution.islands == {}
    assert execution.kernels["Gather"] == 2
    assert execution.kernels["Transpose"] == 2  # at the graph's input and output
