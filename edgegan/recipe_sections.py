"""The sections of a recipe, and what each of their keys may be."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from edgegan.card import FeatureSection
from edgegan.checks.check import Limit
from edgegan.emulation.cores import CoreName
from edgegan.evaluation.names import (
    FID_OF_ORIGINAL,
    METRIC_NAMES,
    NUMBER_NAMES,
    ON_REAL_IMAGES,
    in_report,
    metric_of,
)
from edgegan.generators.contract import GeneratorChoice
from edgegan.quantization.weight_quantizers.names import WeightQuantizer
from edgegan.quantization.weights import FLOAT, LayerRule, Weights
from edgegan.runtimes.trt_options import COMPUTE_CAPABILITIES, BatchProfile
from edgegan.schema import Strict
from edgegan.targets import TARGETS


def _quantiles(value: tuple[float, float]) -> tuple[float, float]:
    if not 0.0 <= value[0] < value[1] <= 1.0:
        raise ValueError("must be two quantile levels, 0 <= low < high <= 1")
    return value


def check_target(value: str) -> str:
    if value not in TARGETS:
        raise ValueError(f"unknown target; known targets: {', '.join(TARGETS)}")
    return value


QuantilePair = Annotated[tuple[float, float], AfterValidator(_quantiles)]
TargetName = Annotated[str, AfterValidator(check_target)]
Samples = Annotated[int, Field(ge=2, le=1_000_000)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]

CHECK_NAMES = (
    "lowering.relative_error", *map(in_report, NUMBER_NAMES), FID_OF_ORIGINAL, "size.ratio",
    "parity.max_lsb", "parity.integer_lsb", "parity.end_to_end_lsb", "int8.mac_share",
    "latency.ratio", "latency.ratio_lowered", "latency.ratio_half", "cost.instructions",
    "cost.ratio", "engine.count", "size.ort",
)  # fmt: skip


class GeneratorSection(GeneratorChoice):
    """What is exported.

    Attributes:
        fixed: of a model of the zoo, see ``GeneratorSpec``.
        data: of a model of the zoo that takes pictures: a folder of them, or of the files of the data set
            that it was trained on.
    """

    fixed: dict[str, bool | int | float | str | None] = {}
    data: str | None = None


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


class LayerSection(Strict):
    """What the layers get that a pattern matches, instead of what the section says for all.

    Attributes:
        match: shell pattern of layers.
        weight_bits: 1 to 8, or ``float``: the layer stays float, as those of ``keep_float`` do.
        weight_quantizer: how levels are found.
    """

    match: Annotated[str, Field(min_length=1)]
    weight_bits: Annotated[int, Field(ge=1, le=8)] | Literal["float"] | None = None
    weight_quantizer: WeightQuantizer | None = None

    @model_validator(mode="after")
    def _something(self) -> LayerSection:
        if self.weight_bits is None and self.weight_quantizer is None:
            raise ValueError("give weight_bits, weight_quantizer or both")
        if self.weight_bits == "float" and self.weight_quantizer is not None:
            raise ValueError("a float layer has no weight_quantizer; leave it out")
        return self


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
        layers: of layers by pattern, where they differ; the last one that matches wins.
        keep_float: shell patterns of layers that stay float, whatever ``layers`` say.
    """

    weight_bits: Annotated[int, Field(ge=1, le=8)] = 8
    weight_quantizer: WeightQuantizer = "quantile"
    split_outliers: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    activations: Literal["int8", "float"] = "int8"
    per_channel: bool = True
    weight_site: Literal["phases", "kernel"] = "phases"
    layers: tuple[LayerSection, ...] = ()
    keep_float: tuple[str, ...] = ()

    @property
    def default(self) -> Weights:
        """Of layers that ``layers`` do not name."""
        return Weights(self.weight_bits, self.weight_quantizer)

    @property
    def rules(self) -> tuple[LayerRule, ...]:
        """``layers``, with what they leave out."""
        return tuple(LayerRule(layer.match, self._weights(layer)) for layer in self.layers)

    def _weights(self, layer: LayerSection) -> Weights:
        if layer.weight_bits == "float":
            return FLOAT
        bits = self.weight_bits if layer.weight_bits is None else layer.weight_bits
        return Weights(bits, layer.weight_quantizer or self.weight_quantizer)


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
                check_target(where.partition("@")[0])
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
