"""A card says one way of training, in known words."""

from __future__ import annotations

from typing import Any

import pytest

from edgegan.errors import RecipeError
from edgegan.schema import validate
from edgegan.training.sections import TrainingSection


def test_defaults() -> None:
    section = validate(TrainingSection, {"adversarial": {"learning_rate": 1e-4}}, "card")
    assert section.adversarial is not None
    assert (section.adversarial.loss, section.adversarial.critic_steps) == ("non-saturating", 1)
    assert section.precision == "float32"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"epochs": 2}, "exactly one of"),
        (
            {"adversarial": {"learning_rate": 1}, "classifier": {"learning_rate": 1}},
            "exactly one of",
        ),
        ({"adversarial": {"learning_rate": 1, "critic_step": 5}}, "did you mean 'critic_steps'"),
        ({"adversarial": {"learning_rate": 1, "loss": "hing"}}, "adversarial.loss"),
        ({"adversarial": {"learning_rate": 0}}, "adversarial.learning_rate"),
        ({"adversarial": {"learning_rate": 1, "average_decay": 1.0}}, "average_decay"),
        ({"translation": {"learning_rate": 1, "crop": 4}}, "target_class"),
        ({"classifier": {"learning_rate": 1}, "precision": "int8"}, "precision"),
    ],
)
def test_faults(data: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        validate(TrainingSection, data, "card")
