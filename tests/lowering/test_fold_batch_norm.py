"""Batch norm folding against the eager module, for every layer it can stand behind."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgegan.lowering.canonicalize import Canonicalize
from edgegan.lowering.capture import capture
from edgegan.lowering.fold_batch_norm import FoldBatchNorm
from edgegan.lowering.fold_constants import FoldConstants
from edgegan.targets import ORT_LOWERING
from tests.graphs import relative_error


class Projected(nn.Module):
    """Linear, view, batch norm over channels: the first layer of many generators."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 4 * 9)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.linear(x).view(-1, 4, 3, 3))


class Residual(nn.Module):
    """A norm behind an addition: nothing to fold into."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, 1, 1)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x + self.conv(x))


class Shared(nn.Module):
    """One convolution used twice, a norm behind one use: the weight must be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, 1, 1)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(self.norm(self.conv(x)))


IMAGE, VECTOR = (3, 5, 4), (6,)
CASES = [
    (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), IMAGE, "folded into 0"),
    (
        nn.Sequential(nn.Conv2d(3, 6, 3, bias=False, groups=3), nn.BatchNorm2d(6)),
        IMAGE,
        "folded into 0",
    ),
    (nn.Sequential(nn.ConvTranspose2d(3, 4, 4, 2, 1), nn.BatchNorm2d(4)), IMAGE, "folded into 0"),
    (
        nn.Sequential(nn.ConvTranspose2d(3, 6, 3, 2, 1, 1, groups=3), nn.BatchNorm2d(6)),
        IMAGE,
        "folded into 0",
    ),
    (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, affine=False)), IMAGE, "folded into 0"),
    (nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5)), VECTOR, "folded into 0"),
    (nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 5)), VECTOR, "folded into 1"),
    (nn.Sequential(nn.BatchNorm1d(6), nn.ReLU()), VECTOR, "scale and shift"),
    (nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 5, 3)), IMAGE, "folded into 1"),
    (nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 5, 3, 1, 1)), IMAGE, "depthwise convolution"),
    (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.InstanceNorm2d(4, track_running_stats=True)),
        IMAGE,
        "folded into 0",
    ),
    (
        nn.Sequential(nn.ReLU(), nn.InstanceNorm2d(3, affine=True, track_running_stats=True)),
        IMAGE,
        "depthwise convolution",
    ),
    (Projected(), VECTOR, "folded into linear"),
    (Residual(), IMAGE, "depthwise convolution"),
    (Shared(), IMAGE, "folded into conv"),
]


@pytest.mark.parametrize(("module", "shape", "form"), CASES)
def test_folds_exactly(module: nn.Module, shape: tuple[int, ...], form: str) -> None:
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d | nn.InstanceNorm2d):
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.1, 3.0)
            if norm.affine:
                nn.init.normal_(norm.weight)
                nn.init.normal_(norm.bias)
    module.eval().requires_grad_(False)
    graph = capture(module, (torch.randn(2, *shape),))
    FoldConstants()(graph, ORT_LOWERING)
    Canonicalize()(graph, ORT_LOWERING)
    done = FoldBatchNorm()(graph, ORT_LOWERING)
    assert [rewrite.form for rewrite in done] == [form]
    assert "batch_norm" not in graph.code and "instance_norm" not in graph.code
    x = torch.randn(7, *shape)
    assert relative_error(module(x), graph(x)) <= 1e-5


def test_instance_norm_of_the_picture_itself_stays() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.InstanceNorm2d(4)).requires_grad_(False)
    graph = capture(module, (torch.randn(2, *IMAGE),))
    assert FoldBatchNorm()(graph, ORT_LOWERING) == []
    assert "instance_norm" in graph.code
