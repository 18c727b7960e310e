"""Capture: equal outputs, a dynamic batch, the user's module untouched, errors in a sentence."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from edgegan.errors import ModelError
from edgegan.generators.dcgan import Generator
from edgegan.lowering.capture import capture
from edgegan.lowering.fold_constants import FoldConstants
from edgegan.targets import ORT_LOWERING
from tests.graphs import relative_error


def test_equal_and_dynamic() -> None:
    module = Generator(8, (16, 8), 1).eval()
    graph = capture(module, (torch.randn(2, 8),))
    for batch in (1, 2, 5):
        x = torch.randn(batch, 8)
        assert relative_error(module(x), graph(x)) <= 1e-6
    assert {node.meta["path"] for node in graph.graph.nodes} >= {"main.0", "main.1", "main.3"}


def test_parameters_are_copies() -> None:
    module = nn.Linear(3, 3).eval()
    graph = capture(module, (torch.randn(2, 3),))
    before = module.weight.detach().clone()
    for value in graph.parameters():
        value.zero_()
    assert torch.equal(module.weight, before)


class EqualizedLinear(nn.Module):
    """Learning-rate equalization by a pre-forward hook, as old StyleGAN code does it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight_orig = nn.Parameter(torch.randn(4, 3))
        self.weight = self.weight_orig.data
        self.register_forward_pre_hook(self._scale)

    @staticmethod
    def _scale(module: EqualizedLinear, inputs: object) -> None:
        module.weight = module.weight_orig * 3**-0.5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.linear(x, self.weight)


@pytest.mark.parametrize(
    "module",
    [
        EqualizedLinear(),
        nn.utils.spectral_norm(nn.Linear(3, 4)),
        parametrizations.spectral_norm(nn.Linear(3, 4)),
        parametrizations.weight_norm(nn.Linear(3, 4)),
    ],
    ids=["equalized", "old-spectral-norm", "spectral-norm", "weight-norm"],
)
def test_reparametrized_weights_become_constants(module: nn.Module) -> None:
    x = torch.randn(5, 3)
    module.train()
    module(x)
    expected = module.eval()(x)
    graph = capture(module, (torch.randn(2, 3),))
    FoldConstants()(graph, ORT_LOWERING)
    calls = [node.target for node in graph.graph.nodes if node.op == "call_function"]
    assert calls == [torch.ops.aten.linear.default]
    assert relative_error(expected, graph(x)) <= 1e-6


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.mean() > 0 else -x


def test_a_branch_on_values_is_refused_in_a_sentence() -> None:
    with pytest.raises(ModelError, match="cannot be captured"):
        capture(Branching(), (torch.randn(2, 3),))


def test_a_wrong_input_shape_is_named() -> None:
    with pytest.raises(ModelError, match=r"\(2, 5\)"):
        capture(nn.Linear(3, 3), (torch.randn(2, 5),))
