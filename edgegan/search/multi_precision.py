"""The fewest bits of the discriminator, then of the generator, that are good enough.

QGAN's greedy multi-precision search (Wang et al. 2019, arXiv 1901.08263, section 4.2): the discriminator is
the more sensitive of the two, and training is more stable where both are quantized. Each step of it is a
whole quantization-aware training. While the discriminator's bits are searched, the paper's generator is in
full precision; here its weights have 8 bits, as nothing would run on integers otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgegan.cache import StageCache
from edgegan.errors import UsageError
from edgegan.progress import Listener
from edgegan.quantization.weight_quantizers.names import FEWEST_BITS
from edgegan.recipe import Recipe, ResolvedRecipe, resolve
from edgegan.schema import validate
from edgegan.search.candidates import loss_of
from edgegan.targets import find_target
from edgegan.tuning.sections import DistillationSection
from edgegan.variant_run import VariantRun

FULL = 8
"""Bits of the generator's weights in the first step."""

SCHEMA = "edgegan.multi-precision/1"

Train = Callable[[int, int], float]
"""From the discriminator's and the generator's bits to the loss of the trained model."""


@dataclass(frozen=True)
class Trial:
    """One training."""

    discriminator: int
    generator: int
    loss: float


@dataclass(frozen=True)
class Fewest:
    """What was found.

    Attributes:
        trials: in order.
        discriminator, generator: bits; None where no number of them was good enough.
    """

    trials: tuple[Trial, ...]
    discriminator: int | None
    generator: int | None

    def as_json(self) -> dict[str, Any]:
        return vars(self) | {"schema": SCHEMA, "trials": [vars(trial) for trial in self.trials]}


def fewest_bits(
    train: Train, discriminator: Sequence[int], generator: Sequence[int], most_loss: float
) -> Fewest:
    """Search both, one after the other, from the fewest bits up: what is lost need not be monotone.

    Args:
        train: runs a training.
        discriminator, generator: bits that may be taken.
        most_loss: that is good enough.
    """
    trials: list[Trial] = []

    def good(judge: int, made: int) -> bool:
        trials.append(Trial(judge, made, train(judge, made)))
        return trials[-1].loss <= most_loss

    judge = next((bits for bits in sorted(discriminator) if good(bits, FULL)), None)
    if judge is None:
        return Fewest(tuple(trials), None, None)
    known = {(trial.discriminator, trial.generator) for trial in trials}
    made = next((b for b in sorted(generator) if (judge, b) in known or good(judge, b)), None)
    return Fewest(tuple(trials), judge, made)


def search_multi_precision(
    recipe: Recipe,
    recipe_folder: Path,
    number: str,
    most_loss: float,
    cache: StageCache,
    listen: Listener = lambda event: None,
) -> tuple[Fewest, Recipe | None]:
    """Search for a recipe that trains with a discriminator; each training is kept in the cache.

    Returns:
        What was found, and the recipe of it, if anything was.

    Raises:
        EdgeganError: see ``edgegan.errors``.
    """
    training = _training(recipe)
    resolved, folder = resolve(recipe, recipe_folder)
    if resolved.features is None:
        raise UsageError(
            f"the search measures {number}, which needs a feature network; name one in checks.features."
        )
    judges = training.discriminator_weights
    quantizer = "em" if judges is None else judges.quantizer
    made_by = recipe.quantization.weight_quantizer

    def train(judge: int, made: int) -> float:
        changed = with_bits(recipe, quantizer, judge, made)
        return _loss(resolved, changed, folder, number, cache, listen)

    found = fewest_bits(
        train,
        range(FEWEST_BITS[quantizer][0], 9),
        range(FEWEST_BITS[made_by][0], FULL + 1),
        most_loss,
    )
    if found.discriminator is None or found.generator is None:
        return found, None
    return found, with_bits(recipe, quantizer, found.discriminator, found.generator)


def with_bits(recipe: Recipe, quantizer: str, discriminator: int, generator: int) -> Recipe:
    """The recipe with so many bits of both networks' weights."""
    document = recipe.model_dump(mode="json", by_alias=True, exclude_unset=True)
    document.setdefault("quantization", {}).update(weight_bits=generator, layers=[])
    judged = {"quantizer": quantizer, "bits": discriminator}
    document["tune"]["distillation"]["discriminator_weights"] = judged
    return validate(Recipe, document, f"recipe {recipe.name}")


def _training(recipe: Recipe) -> DistillationSection:
    training = recipe.tune and recipe.tune.distillation
    if not training or not training.loss.adversarial:
        raise UsageError(
            "--multi-precision needs a recipe that trains with a discriminator: tune.distillation with "
            "loss.adversarial above 0."
        )
    return training


def _loss(
    resolved: ResolvedRecipe,
    recipe: Recipe,
    folder: Path,
    number: str,
    cache: StageCache,
    listen: Listener,
) -> float:
    changed = resolved.model_copy(update={"recipe": recipe})
    variant = recipe.variant(find_target(recipe.targets[0]))
    run = VariantRun(changed, folder, variant, cache, listen, "", True)
    return loss_of(run.judged().read("quality"), number)
