"""Inputs that a recipe fixes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from edgegan.errors import ModelError
from edgegan.generators.contract import GeneratorSpec, InputSpec
from edgegan.generators.fixed import fix_inputs
from edgegan.lowering.capture import capture
from edgegan.lowering.lower import lower
from edgegan.targets import ORT_LOWERING
from tests.conditional_models import Conditional, Shared, Styled, warmed

aten = torch.ops.aten
LATENT = InputSpec(name="z", shape=(6,))
LABEL = InputSpec(name="y", law="classes", classes=5, labels=("a", "b", "c", "d", "e"))


def spec(fixed: dict[str, Any], *inputs: InputSpec) -> GeneratorSpec:
    return GeneratorSpec(source="m:f", weights="w", inputs=inputs or (LATENT, LABEL), fixed=fixed)


@pytest.mark.parametrize("make", [Conditional, Shared])
@pytest.mark.parametrize("value", [3, "d"])
def test_a_fixed_class(make: Any, value: Any) -> None:
    torch.manual_seed(0)
    module = warmed(make(), torch.randn(8, 6), torch.randint(0, 5, (8,)))
    given = spec({"y": value})
    assert [item.name for item in given.free_inputs] == ["z"]
    example, probe = (torch.randn(2, 6),), (torch.randn(3, 6),)
    captured = capture(fix_inputs(module, given), example)
    torch.testing.assert_close(captured(*probe), module(*probe, torch.full((3,), 3)))
    lowered = lower(captured, ORT_LOWERING, example, probe)
    targets = {node.target for node in lowered.graph.graph.nodes}
    assert aten.embedding.default not in targets
    paths = {node.meta.get("path") for node in lowered.graph.graph.nodes}
    assert "to_image" in paths and not any(str(path).startswith("generator") for path in paths)


def test_an_argument_of_forward() -> None:
    torch.manual_seed(0)
    module, z = Styled().eval(), torch.randn(2, 6)
    captured = capture(fix_inputs(module, spec({"psi": 0.5}, LATENT)), (z,))
    torch.testing.assert_close(captured(z), module(z, 0.5))
    with pytest.raises(ModelError, match="or another argument of forward"):
        fix_inputs(module, spec({"psy": 0.5}, LATENT))


def test_a_number_for_a_latent() -> None:
    module = torch.nn.Bilinear(2, 3, 4)
    given = spec({"a": 0.5}, InputSpec(name="a", shape=(2,)), InputSpec(name="b", shape=(3,)))
    fixed, b = fix_inputs(module, given), torch.randn(4, 3)
    torch.testing.assert_close(fixed(b), module(torch.full((4, 2), 0.5), b))


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        ({"y": 5}, "5 is no class; give a number from 0 to 4 or one of a, b"),
        ({"y": "f"}, "'f' is no class"),
        ({"y": 1.5}, "no class"),
        ({"y": True}, "no class"),
        ({"z": "many"}, "'many' is no number"),
        ({"y": 0, "z": 0}, "at least one must stay free"),
    ],
)
def test_wrong_values(fixed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spec(fixed)
