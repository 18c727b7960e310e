"""The recipe: what to export, how to quantize it, for which targets, under which checks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, Field, model_validator

from edgegan.card import FeatureSection, NetworkSection, card_folder, load_card
from edgegan.checks.check import Limit
from edgegan.emulation.cores import CoreName
from edgegan.errors import RecipeError
from edgegan.evaluation.names import (
    FID_OF_ORIGINAL,
    METRIC_NAMES,
    NUMBER_NAMES,
    ON_PIXELS,
    ON_REAL_IMAGES,
    in_report,
    metric_of,
)
from edgegan.generators.contract import GeneratorSpec
from edgegan.quantization.weight_quantizers.names import WeightQuantizer
from edgegan.resources import recipe_names, resource_folder
from edgegan.runtimes.trt_options import COMPUTE_CAPABILITIES, BatchProfile
from edgegan.schema import Strict, read_yaml, validate
from edgegan.targets import TARGETS, Target, Variant, find_target, variant_of
from edgegan.tuning.sections import TuneSection

SCHEMA = "edgegan.recipe/1"


def _quantiles(value: tuple[float, float]) -> tuple[float, float]:
    if not 0.0 <= value[0] < value[1] <= 1.0:
        raise ValueError("must be two quantile levels, 0 <= low < high <= 1")
    return value


def _target(value: str) -> str:
    if value not in TARGETS:
        raise ValueError(f"unknown target; known targets: {', '.join(TARGETS)}")
    return value


QuantilePair = Annotated[tuple[float, float], AfterValidator(_quantiles)]
TargetName = Annotated[str, AfterValidator(_target)]
Samples = Annotated[int, Field(ge=2, le=1_000_000)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]

CHECK_NAMES = (
    "lowering.relative_error", *map(in_report, NUMBER_NAMES), FID_OF_ORIGINAL, "size.ratio",
    "parity.max_lsb", "parity.integer_lsb", "parity.end_to_end_lsb", "int8.mac_share",
    "latency.ratio", "latency.ratio_lowered", "latency.ratio_half", "cost.instructions",
    "cost.ratio", "engine.count", "size.ort",
)  # fmt: skip


class GeneratorSection(Strict):
    """Either a model of the zoo, or one's own generator; exactly one of the two.

    Attributes:
        fixed: of a model of the zoo, see ``GeneratorSpec``.
    """

    zoo: str | None = None
    own: GeneratorSpec | None = None
    fixed: dict[str, bool | int | float | str | None] = {}

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, data: Any) -> Any:
        """Recipes write an own generator's keys directly below ``generator``."""
        if isinstance(data, dict) and "zoo" not in data and "own" not in data:
            return {"own": data}
        return data

    @model_validator(mode="after")
    def _one(self) -> GeneratorSection:
        if (self.zoo is None) == (self.own is None):
            raise ValueError("give either `zoo: NAME` or `source:`, `weights:` and `inputs:`")
        return self


class CalibrationSection(Strict):
    """How ranges are found; the defaults are those of Andreev et al. 2021, section 4.1.

    Attributes:
        samples: images, taken one by one.
        seed: of their latents.
        observer: ``moving-average`` of each image's quantiles (a clipped range for unusual images), or
            ``min-max``, the widest of them; ``mse`` and ``entropy`` choose the range of least squared error
            or least divergence from all images' values.
        momentum: of the moving average.
        activation_quantiles: (low, high) levels, of ``moving-average`` and ``min-max``; [0, 1] is min-max.
        weight_quantiles: likewise, of the weight quantizer ``quantile``.
        clip_saturated: whether the range in front of a tanh or sigmoid ends where it saturates.
    """

    samples: Samples = 500
    seed: Seed = 0
    observer: Literal["moving-average", "min-max", "mse", "entropy"] = "moving-average"
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.99
    activation_quantiles: QuantilePair = (0.0, 1.0)
    weight_quantiles: QuantilePair = (0.0, 1.0)
    clip_saturated: bool = True


class QuantizationSection(Strict):
    """Widths and granularity.

    Attributes:
        weight_bits: 1 to 8; 3 are stored in 4, and 5 to 7 in 8.
        weight_quantizer: how levels are found; ``quantile`` takes ``calibration.weight_quantiles``.
        split_outliers: input channels that outlier channel splitting adds to each layer, as a part of those
            that it has; 0 splits none.
        activations: of 8 bits, or left in float (TensorRT with 8 or 4 bits: saves bytes alone).
        per_channel: one weight scale an output channel, else one a layer.
        weight_site: where weights of rewritten layers are quantized: each phase by itself, or (for 4
            bits or fewer) the original kernel, which is the smaller file.
        keep_float: shell patterns of layers that stay float.
    """

    weight_bits: Annotated[int, Field(ge=1, le=8)] = 8
    weight_quantizer: WeightQuantizer = "quantile"
    split_outliers: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    activations: Literal["int8", "float"] = "int8"
    per_channel: bool = True
    weight_site: Literal["phases", "kernel"] = "phases"
    keep_float: tuple[str, ...] = ()


class EmulationSection(Strict):
    """What is run on emulated processors, for targets of another kind than this machine.

    Attributes:
        cores: aarch64 cores on which parity is checked.
        samples: inputs of each; emulation is a hundred times slower than the processor.
        cost_core: the core whose instructions are counted.
    """

    cores: Annotated[tuple[CoreName, ...], Field(min_length=1)] = (
        "cortex-a53", "cortex-a72", "cortex-a76", "i8mm",
    )  # fmt: skip
    samples: Samples = 4
    cost_core: CoreName = "cortex-a76"

    @model_validator(mode="after")
    def _counted(self) -> EmulationSection:
        if self.cost_core not in self.cores:
            raise ValueError(f"cost_core {self.cost_core!r} is not among cores")
        return self


class ChecksSection(Strict):
    """What is measured on the engine, and the limits.

    Attributes:
        parity_samples: latents on which engine and simulation are compared.
        samples: latents of qFID and FID.
        seed: of all of them.
        features: a feature network of the zoo by name, ``inception``, ``vgg16``, an ONNX file, or one's
            own; default: the model's.
        metrics: measured besides PSNR, qFID, FID and those of the gates.
        real: folder of real pictures or of a data set's files; as many are taken as ``samples``.
        latency_seconds: least time spent in each timed model.
        emulation: of processors that are not here.
        gates: limits by check name, or by ``TARGET/CHECK`` for one target, ``TARGET@CORE/CHECK`` for
            one emulated core of it.
    """

    parity_samples: Samples = 256
    samples: Samples = 2000
    seed: Seed = 1
    features: str | FeatureSection | None = None
    metrics: tuple[str, ...] = ()
    real: str | None = None
    latency_seconds: Annotated[float, Field(gt=0, le=600)] = 1.0
    emulation: EmulationSection = EmulationSection()
    gates: dict[str, Limit] = {}

    @model_validator(mode="after")
    def _known(self) -> ChecksSection:
        for key in self.gates:
            where, _, name = key.rpartition("/")
            if name not in CHECK_NAMES:
                raise ValueError(f"gate {name!r} is unknown; checks: {', '.join(CHECK_NAMES)}")
            if where:
                _target(where.partition("@")[0])
        for metric in self.metrics:
            if metric not in METRIC_NAMES:
                raise ValueError(
                    f"metric {metric!r} is unknown; metrics: {', '.join(METRIC_NAMES)}"
                )
        if self.real is None and self.asked & {*ON_REAL_IMAGES}:
            (name, *_) = sorted(self.asked & {*ON_REAL_IMAGES})
            raise ValueError(f"{name} needs real pictures; name their folder in `checks.real`")
        return self

    @property
    def gated(self) -> tuple[str, ...]:
        """Numbers of metrics that a gate is on."""
        names = {key.rpartition("/")[2] for key in self.gates}
        return tuple(number for number in NUMBER_NAMES if in_report(number) in names)

    @property
    def asked(self) -> set[str]:
        """Metrics that have to be measured."""
        return {*self.metrics, *map(metric_of, self.gated)}

    def gate(self, device: str, name: str) -> Limit | None:
        """The limit of a check on ``TARGET`` or ``TARGET@CORE``; the closest name wins."""
        keys = (f"{device}/{name}", f"{device.partition('@')[0]}/{name}", name)
        return next((self.gates[key] for key in keys if key in self.gates), None)


def _capability(value: str) -> str:
    if value not in COMPUTE_CAPABILITIES:
        raise ValueError(f"unknown; TensorRT-RTX builds for {', '.join(COMPUTE_CAPABILITIES)}")
    return value


class TensorRtSection(Strict):
    """What engines are built for.

    Attributes:
        capabilities: compute capabilities of GPUs, for TensorRT-RTX; TensorRT builds for the GPU here.
        batch: smallest, preferred and largest batch.
    """

    capabilities: Annotated[
        tuple[Annotated[str, AfterValidator(_capability)], ...], Field(min_length=1)
    ] = ("sm86", "sm89", "sm120")
    batch: tuple[int, int, int] = (1, 1, 16)

    @model_validator(mode="after")
    def _ordered(self) -> TensorRtSection:
        self.profile()
        return self

    def profile(self) -> BatchProfile:
        """As the runtime takes it."""
        return BatchProfile(*self.batch)


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
        return variant_of(
            target,
            section.weight_bits,
            section.weight_site,
            integers,
            static,
            section.weight_quantizer,
        )


class ResolvedRecipe(Strict):
    """A recipe after names were looked up: what a stage reads, and what goes into the bundle.

    Attributes:
        recipe: as given, overrides applied.
        generator: the generator, from the recipe or its zoo card.
        features: the feature network, or None when images cannot be measured.
        real: folder of real pictures, where there is one.
        discriminator: the generator's, where there is one; its weights lie where the generator's do.
    """

    recipe: Recipe
    generator: GeneratorSpec
    license: str
    features: str | FeatureSection | None
    real: Path | None = None
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
        generator=_fixed(card.generator, recipe.generator.fixed),
        license=f"{card.license}; trained on {card.data.name}: {card.data.attribution}",
        features=features or card.feature_network,
        discriminator=judge or card.discriminator,
    )
    return resolved, card_folder(card.name)


def _fixed(spec: GeneratorSpec, fixed: dict[str, Any]) -> GeneratorSpec:
    """``spec`` with more inputs fixed."""
    changed = spec.model_dump() | {"fixed": spec.fixed | fixed}
    return validate(GeneratorSpec, changed, "generator") if fixed else spec


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
