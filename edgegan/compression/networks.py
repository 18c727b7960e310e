"""The networks and pictures that a compression names, loaded."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from edgegan.card import card_folder, load_card
from edgegan.compression.identity import ALL
from edgegan.compression.sections import CompressSection
from edgegan.errors import RecipeError
from edgegan.evaluation.folders import real_pictures
from edgegan.evaluation.pictures import Pictures
from edgegan.generators.contract import GeneratorSpec
from edgegan.generators.load import load_module
from edgegan.recipe import ResolvedRecipe
from edgegan.tuning.networks import load_judge


def load_generator(spec: GeneratorSpec, folder: Path) -> nn.Module:
    """In eval mode, without gradients; see ``load_module``."""
    return load_module(spec.source, spec.arguments, folder / spec.weights, folder)


def find_teacher(
    section: CompressSection, original: GeneratorSpec, folder: Path
) -> tuple[GeneratorSpec, Path]:
    """The teacher, and the folder of its files: another generator, or the original.

    Raises:
        RecipeError: if it is no generator.
    """
    teacher = section.teacher
    if teacher is None:
        return original, folder
    if teacher.own is not None:
        return teacher.own, folder
    assert teacher.zoo is not None
    spec = load_card(teacher.zoo).generator
    if spec is None:
        raise RecipeError(
            f"compress.teacher: {teacher.zoo!r} is a feature network; name a generator."
        )
    return spec, card_folder(teacher.zoo)


def load_discriminator(
    section: CompressSection, resolved: ResolvedRecipe, folder: Path
) -> nn.Module:
    """See ``load_judge``."""
    return load_judge(section.discriminator or resolved.discriminator, folder, "compress")


def load_pictures(section: CompressSection, resolved: ResolvedRecipe) -> Pictures | None:
    """Real ones, in the generator's range of values; None where the recipe names none."""
    folder = resolved.compression_data
    if folder is None:
        return None
    found = real_pictures(folder, "train", ALL, section.seed)
    return found.within(resolved.generator.output.value_range)
