"""The recipe: what to export, how to quantize it, for which targets, under which checks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, model_validator

from edgegan.card import FeatureSection, NetworkSection, card_folder, load_card
from edgegan.compression.sections import CompressSection
from edgegan.errors import RecipeError
from edgegan.evaluation.names import (
    ON_PIXELS,
)
from edgegan.generators.contract import GeneratorSpec
from edgegan.quantization.weights import possible_weights
from edgegan.recipe_sections import (
    CalibrationSection,
    ChecksSection,
    GeneratorSection,
    QuantizationSection,
    TargetName,
    TensorRtSection,
)
from edgegan.resources import recipe_names, resource_folder
from edgegan.schema import Strict, read_yaml, validate
from edgegan.targets import Target, Variant, find_target, variant_of
from edgegan.tuning.sections import TuneSection


class Recipe(Strict):
    """A whole recipe.

    Attributes:
        size_multiple: of generators that take pictures: height and width may be any multiples of it when
            the model runs; left out, they are those of the inputs' shapes, and the model is faster.
    """

    schema_: Annotated[Literal["edgegan.recipe/1"], Field(alias="schema")]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
    generator: GeneratorSection
    license: str = "not stated"
    size_multiple: Annotated[int, Field(ge=1, le=4096)] | None = None
    compress: CompressSection | None = None
    calibration: CalibrationSection = CalibrationSection()
    quantization: QuantizationSection = QuantizationSection()
    tune: TuneSection | None = None
    targets: Annotated[tuple[TargetName, ...], Field(min_length=1)] = ("ort-x86",)
    tensorrt: TensorRtSection = TensorRtSection()
    checks: ChecksSection = ChecksSection()

    @model_validator(mode="after")
    def _possible(self) -> Recipe:
        if len(set(self.targets)) != len(self.targets):
            raise ValueError("targets must be different from each other")
        for name in self.targets:
            self.variant(find_target(name))
        return self

    def variant(self, target: Target) -> Variant:
        """What the target's model is made for.

        Raises:
            UsageError: if the target does not take the recipe's quantization.
        """
        section = self.quantization
        integers = section.activations == "int8"
        static = self.size_multiple is None
        weights = possible_weights(section.default, section.rules)
        return variant_of(target, weights, section.weight_site, integers, static)


class ResolvedRecipe(Strict):
    """A recipe after names were looked up: what a stage reads, and what goes into the bundle.

    Attributes:
        recipe: as given, overrides applied.
        generator: the generator, from the recipe or its zoo card.
        features: the feature network, or None when images cannot be measured.
        real: folder of real pictures, where there is one.
        tuning_data: that of ``tune.distillation.data``.
        compression_data: that of ``compress.data``.
        discriminator: the generator's, where there is one; its weights lie where the generator's do.
    """

    recipe: Recipe
    generator: GeneratorSpec
    license: str
    features: str | FeatureSection | None
    real: Path | None = None
    tuning_data: Path | None = None
    compression_data: Path | None = None
    discriminator: NetworkSection | None = None

    def as_yaml(self) -> str:
        """The resolved recipe, itself a recipe; of one's own generator, beside its weights."""
        data = self.recipe.model_dump(mode="json", by_alias=True, exclude_none=True)
        if self.recipe.generator.zoo is None:
            data["generator"] = self.generator.model_dump(mode="json")
        data["license"] = self.license
        features = self.recipe.checks.features or self.features
        if features is not None:
            data["checks"]["features"] = (
                features
                if isinstance(features, str)
                else features.model_dump(mode="json", exclude_none=True)
            )
        return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def load_recipe(name_or_path: str, overrides: tuple[str, ...] = ()) -> tuple[Recipe, Path]:
    """Read a recipe file, or a shipped recipe by name.

    Args:
        name_or_path: a path (anything with a suffix or a separator), or a shipped name.
        overrides: ``section.key=value`` with YAML values.

    Returns:
        The recipe and the folder that its relative paths start from.

    Raises:
        RecipeError: names the key, the rule and what was probably meant.
    """
    path = _find(name_or_path)
    data = read_yaml(path)
    for override in overrides:
        _override(data, override)
    return validate(Recipe, data, str(path)), path.resolve().parent


def resolve(recipe: Recipe, folder: Path) -> tuple[ResolvedRecipe, Path]:
    """Look up the generator; returns with it the folder of its weights."""
    resolved, weights = _resolve(recipe, folder)
    multiple = recipe.size_multiple
    pictures = [spec.shape for spec in resolved.generator.free_inputs if spec.is_picture]
    if multiple is not None and not pictures:
        raise RecipeError("size_multiple is for generators that take pictures; leave it out.")
    if multiple is not None and any(side % multiple for shape in pictures for side in shape[1:]):
        raise RecipeError(
            f"size_multiple: the inputs' height and width are no multiples of {multiple}."
        )
    needy = recipe.checks.asked - {*ON_PIXELS}
    if resolved.features is None and needy:
        raise RecipeError(
            f"{sorted(needy)[0]} needs a feature network, which this generator has none of; name one in "
            "`checks.features`, or leave it out."
        )
    return _with_paths(resolved, folder), weights


def _with_paths(resolved: ResolvedRecipe, folder: Path) -> ResolvedRecipe:
    """With the files that its checks read, wherever the weights are."""
    found: dict[str, Any] = {}
    real, features = resolved.recipe.checks.real, resolved.recipe.checks.features
    if real is not None:
        found["real"] = (folder / real).resolve()
    training = resolved.recipe.tune and resolved.recipe.tune.distillation
    if training and training.data is not None:
        found["tuning_data"] = (folder / training.data).resolve()
    if resolved.recipe.compress is not None and resolved.recipe.compress.data is not None:
        found["compression_data"] = (folder / resolved.recipe.compress.data).resolve()
    if isinstance(features, str) and features.endswith(".onnx"):
        found["features"] = str((folder / features).resolve())
    return resolved.model_copy(update=found)


def _resolve(recipe: Recipe, folder: Path) -> tuple[ResolvedRecipe, Path]:
    features = recipe.checks.features
    tune = recipe.tune
    judge = tune.distillation.discriminator if tune and tune.distillation else None
    if recipe.generator.zoo is None:
        assert recipe.generator.own is not None
        own = recipe.generator.own
        return ResolvedRecipe(
            recipe=recipe,
            generator=own,
            license=recipe.license,
            features=features,
            discriminator=judge,
        ), folder
    card = load_card(recipe.generator.zoo)
    if card.generator is None:
        raise RecipeError(f"{card.name!r} is a feature network; `generator.zoo` takes a generator.")
    resolved = ResolvedRecipe(
        recipe=recipe,
        generator=_with_pictures(
            card.name, _fixed(card.generator, recipe.generator.fixed), recipe.generator.data, folder
        ),
        license=f"{card.license}; trained on {card.data.name}: {card.data.attribution}",
        features=features or card.feature_network,
        discriminator=judge or card.discriminator,
    )
    return resolved, card_folder(card.name)


def _fixed(spec: GeneratorSpec, fixed: dict[str, Any]) -> GeneratorSpec:
    """``spec`` with more inputs fixed."""
    changed = spec.model_dump() | {"fixed": spec.fixed | fixed}
    return validate(GeneratorSpec, changed, "generator") if fixed else spec


def _with_pictures(
    model: str, spec: GeneratorSpec, data: str | None, folder: Path
) -> GeneratorSpec:
    """``spec`` with the user's pictures for the inputs that take some."""
    pictures = [item for item in spec.free_inputs if item.is_picture and item.data is None]
    if not pictures and data is not None:
        raise RecipeError(f"generator.data: {model} takes no pictures; leave it out.")
    if not pictures:
        return spec
    if data is None:
        known = [item.pictures_of for item in pictures if item.pictures_of]
        raise RecipeError(
            f"{model} takes pictures{f' ({known[0]})' if known else ''}; name a folder of them, or of "
            "its data set's files: `--set generator.data=FOLDER`."
        )
    given = {"data": str((folder / data).resolve())}
    inputs = [item.model_copy(update=given) if item in pictures else item for item in spec.inputs]
    return spec.model_copy(update={"inputs": tuple(inputs)})


def _find(name_or_path: str) -> Path:
    if name_or_path in recipe_names():
        return resource_folder("recipes") / f"{name_or_path}.yaml"
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml") or "/" in name_or_path:
        return path
    raise RecipeError(
        f"there is no recipe {name_or_path!r}; shipped recipes: {', '.join(recipe_names())}; or give "
        "the path of a .yaml file."
    )


def _override(data: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise RecipeError(f"--set {override!r}: must read section.key=value.")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise RecipeError(f"--set {override!r}: {text!r} is not a YAML value.") from None
    *sections, leaf = key.split(".")
    if sections[:2] == ["checks", "gates"]:  # names of checks hold dots themselves
        gate = [*sections[2:], leaf]
        end = gate.pop() if gate[-1] in ("min", "max") else None
        name = ".".join(gate)
        sections, leaf = (
            (["checks", "gates"], name) if end is None else (["checks", "gates", name], end)
        )
    for section in sections:
        inner = data.setdefault(section, {})
        if not isinstance(inner, dict):
            raise RecipeError(f"--set {override!r}: {section!r} is not a section of the recipe.")
        data = inner
    data[leaf] = value
