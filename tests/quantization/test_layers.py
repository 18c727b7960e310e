"""Which layers rules name, and which weights may be in use."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgegan.errors import RecipeError
from edgegan.lowering.capture import capture
from edgegan.lowering.lower import lower
from edgegan.quantization.layers import weights_of_layers
from edgegan.quantization.placement import place
from edgegan.quantization.weights import FLOAT, LayerRule, Weights, possible_weights
from edgegan.targets import AFFINE_U8, ORT_LOWERING

EIGHT, FOUR, TWO = Weights(8), Weights(4), Weights(2)


class Tied(nn.Module):
    """Two layers of one weight, and a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.second.weight = self.first.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.second(torch.relu(self.first(x)))) + x


def tied() -> torch.fx.GraphModule:
    torch.manual_seed(0)
    example = (torch.randn(2, 6),)
    return lower(
        capture(Tied().eval().requires_grad_(False), example), ORT_LOWERING, example, example
    ).graph


def test_the_last_rule_wins_and_keep_float_over_all() -> None:
    rules = (LayerRule("first", FLOAT), LayerRule("*", FOUR), LayerRule("sec*", TWO))
    found = weights_of_layers(tied(), EIGHT, rules)
    assert (found.pop("first"), found.pop("second")) == (FOUR, TWO)
    assert list(found.values()) == [FOUR]  # of the sum, which has no weight
    assert weights_of_layers(tied(), EIGHT, rules, ("second",))["second"] == FLOAT
    assert weights_of_layers(tied(), EIGHT)["first"] == EIGHT


def test_layers_of_one_weight_have_one_width() -> None:
    graph = tied()
    weights = weights_of_layers(graph, EIGHT, (LayerRule("second", FOUR),))
    with pytest.raises(RecipeError, match="first and second share one weight"):
        place(graph, AFFINE_U8, weights, True)


def test_what_may_be_in_use() -> None:
    rules = (LayerRule("a", FOUR), LayerRule("*", TWO), LayerRule("b", FLOAT), LayerRule("c", FOUR))
    assert possible_weights(EIGHT, rules[:1]) == (FOUR, EIGHT)
    assert possible_weights(EIGHT, rules) == (TWO, FOUR)
    assert possible_weights(EIGHT, (LayerRule("*", FLOAT),)) == ()
