"""All passes together on whole generators, and the passes that only move things."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from edgegan.errors import ModelError
from edgegan.generators import dcgan, upsample
from edgegan.lowering.capture import capture
from edgegan.lowering.hoist_activation import HoistActivation
from edgegan.lowering.lower import TOLERANCE, lower, relative_error, rounding_noise
from edgegan.lowering.merge_movement import MergeMovement
from edgegan.targets import ORT_LOWERING, TENSORRT_LOWERING, LoweringProfile
from tests.graphs import Builder

aten = torch.ops.aten


def warmed(module: nn.Module, size: int) -> nn.Module:
    """Give batch norms statistics that matter."""
    module.train()
    for _ in range(3):
        module(torch.randn(8, size))
    return module.eval()


GENERATORS: list[Callable[[], nn.Module]] = [
    lambda: dcgan.Generator(10, (16, 8, 8), 1),
    lambda: dcgan.Generator(10, (24, 16), 3),
    lambda: upsample.Generator(10, (16, 8, 8), 3),
]


@pytest.mark.parametrize("make", GENERATORS)
@pytest.mark.parametrize("profile", [ORT_LOWERING, TENSORRT_LOWERING], ids=lambda p: p.name)
def test_generators_stay_equal(make: Callable[[], nn.Module], profile: LoweringProfile) -> None:
    module = warmed(make(), 10)
    example, probe = (torch.randn(2, 10),), (torch.randn(3, 10),)
    captured = capture(module, example)
    lowered = lower(captured, profile, example, probe)
    assert lowered.relative_error <= 1e-5
    assert relative_error(captured, lowered.graph, (torch.randn(1, 10),)) <= 1e-5
    targets = {node.target for node in lowered.graph.graph.nodes}
    assert aten.conv_transpose2d.input not in targets
    assert aten._native_batch_norm_legit_no_training.default not in targets
    assert (aten.linear.default in targets) <= (profile is ORT_LOWERING)
    assert (aten.pixel_shuffle.default in targets) == (profile is TENSORRT_LOWERING)
    assert "lower-transposed-convolution" in {r.rule for r in lowered.rewrites} or isinstance(
        module, upsample.Generator
    )


def test_every_relu_follows_its_layer() -> None:
    module = warmed(dcgan.Generator(10, (16, 8, 8), 1), 10)
    example = (torch.randn(2, 10),)
    graph = lower(capture(module, example), ORT_LOWERING, example, example).graph
    for node in graph.graph.nodes:
        if node.target is aten.relu.default:
            assert node.args[0].target in (aten.conv2d.default, aten.linear.default)


def test_hoisting_duplicates_over_concatenation() -> None:
    x = torch.randn(2, 3, 4)
    build = Builder(x)
    halves = [build.call(aten.neg.default, build.input), build.call(aten.sin.default, build.input)]
    joined = build.call(aten.cat.default, halves, 1)
    graph = build.finish(
        build.call(aten.relu.default, build.call(aten.permute.default, joined, [0, 2, 1]))
    )
    HoistActivation()(graph, ORT_LOWERING)
    expected = torch.relu(torch.cat([-x, x.sin()], 1).permute(0, 2, 1))
    assert torch.equal(graph(x), expected)
    relus = [n for n in graph.graph.nodes if n.target is aten.relu.default]
    assert [n.args[0].target for n in relus] == [aten.neg.default, aten.sin.default]


def test_hoisting_stops_where_others_read() -> None:
    x = torch.randn(2, 3, 4)
    build = Builder(x)
    moved = build.call(aten.permute.default, build.input, [0, 2, 1])
    both = build.call(aten.add.Tensor, build.call(aten.relu.default, moved), moved)
    graph = build.finish(both)
    assert HoistActivation()(graph, ORT_LOWERING) == []
    assert torch.equal(graph(x), torch.relu(x.permute(0, 2, 1)) + x.permute(0, 2, 1))


def test_movement_is_merged() -> None:
    x = torch.randn(2, 1, 4, 6)
    build = Builder(x)
    node = build.call(aten.reshape.default, build.input, [-1, 24])
    node = build.call(aten.reshape.default, node, [-1, 4, 6, 1])
    node = build.call(aten.permute.default, node, [0, 3, 1, 2])
    node = build.call(aten.permute.default, node, [0, 1, 3, 2])
    graph = build.finish(node)
    MergeMovement()(graph, ORT_LOWERING)
    expected = x.reshape(2, 4, 6, 1).permute(0, 3, 2, 1)
    assert torch.equal(graph(x), expected)
    assert sum(node.op == "call_function" for node in graph.graph.nodes) <= 2


def test_an_inexact_rewrite_is_caught() -> None:
    """The stage checks itself: NaN weights make the comparison fail, not pass."""
    module = nn.Linear(3, 3).eval()
    example = (torch.randn(2, 3),)
    captured = capture(module, example)
    next(iter(captured.parameters())).fill_(float("nan"))
    with pytest.raises(ModelError, match="differs from the generator"):
        lower(captured, ORT_LOWERING, example, example)


class LargeDifference(nn.Module):
    """Values near 1,000 of which 1,000 is taken: float32 keeps four digits of the rest."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.up = nn.ConvTranspose2d(3, 4, 4, 2, 1)
        self.norm = nn.BatchNorm2d(4)
        nn.init.constant_(self.norm.running_mean, -1000.0)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.up(x)) - 1000.0


def test_what_float32_cannot_tell_is_no_inexact_rewrite() -> None:
    captured = capture(LargeDifference(), (torch.randn(2, 3, 4, 4),))
    probe = (torch.randn(3, 3, 4, 4),)
    result = lower(captured, ORT_LOWERING, (torch.randn(2, 3, 4, 4),), probe)
    noise = rounding_noise(captured, probe)
    assert TOLERANCE < result.relative_error <= 2 * noise < 1e-3


def test_weights_move_by_a_unit_in_the_last_place() -> None:
    class Weighted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.weight

    captured = capture(Weighted(), (torch.ones(2, 1),))
    assert (
        rounding_noise(captured, (torch.ones(3, 1),), tries=20) == 2.0**-23
    )  # above 1; 2^-24 below
