"""QGAN's greedy search: the discriminator first, then the generator."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgegan.cache import StageCache
from edgegan.errors import UsageError
from edgegan.recipe import load_recipe
from edgegan.search.multi_precision import Trial, fewest_bits, search_multi_precision, with_bits
from tests.models import write_own_generator


def train(discriminator: int, generator: int) -> float:
    """Good from 3 bits of the one and 2 of the other on."""
    return 10.0 * (discriminator < 3) + 4.0 * (generator < 2) + 1.0 / generator


def test_the_fewest_of_each() -> None:
    found = fewest_bits(train, range(1, 9), range(1, 9), 1.0)
    assert (found.discriminator, found.generator) == (3, 2)
    tried = [(trial.discriminator, trial.generator) for trial in found.trials]
    assert tried == [(1, 8), (2, 8), (3, 8), (3, 1), (3, 2)]
    assert found.trials[-1] == Trial(3, 2, 0.5)


def test_eight_bits_are_not_trained_twice() -> None:
    found = fewest_bits(train, (4,), (1, 8), 0.2)
    assert (found.discriminator, found.generator, len(found.trials)) == (4, 8, 2)


def test_what_no_bits_reach() -> None:
    found = fewest_bits(train, (1, 2), (8,), 1.0)
    assert (found.discriminator, found.generator, len(found.trials)) == (None, None, 2)
    found = fewest_bits(train, (4,), (1,), 1.0)
    assert (found.discriminator, found.generator) == (4, None)


def test_the_recipe_of_a_trial() -> None:
    overrides = ("tune.distillation.loss.adversarial=0.1",)
    recipe, _ = load_recipe("fashion-dcgan-w4a8-em", overrides)
    made = with_bits(recipe, "em", 3, 2)
    assert made.quantization.weight_bits == 2 and made.tune is not None
    assert made.tune.distillation is not None
    judges = made.tune.distillation.discriminator_weights
    assert judges is not None and (judges.quantizer, judges.bits) == ("em", 3)


def test_a_recipe_without_a_discriminator(tmp_path: Path) -> None:
    recipe, base = load_recipe(str(write_own_generator(tmp_path)))
    with pytest.raises(UsageError, match="--multi-precision needs a recipe that trains"):
        search_multi_precision(recipe, base, "qfid", 1.0, StageCache(tmp_path / "cache"))
