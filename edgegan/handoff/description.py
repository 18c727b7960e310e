"""Everything that the hand-off's templates say about one generator."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import PurePosixPath

from edgegan.generators.contract import ImageSpec, InputSpec
from edgegan.handoff.facts import ModelFacts
from edgegan.handoff.ort_format import OrtFiles
from edgegan.handoff.providers import Partitioning


@dataclass(frozen=True)
class Delivery:
    """What is handed over, as far as the model file does not say it.

    Attributes:
        name: of the recipe.
        license: terms of the weights, one line.
        inputs, output: of the generator.
        output_shape: of one image, ``(channels, height, width)``.
        model: the ONNX file, relative to the hand-off folder, e.g. ``../model.onnx``.
        proven_with: version of ONNX Runtime that computed the golden images.
        tolerance: largest difference from them that is allowed on an exact CPU: 0 where parity
            holds bit for bit, else in units of the output.
        peak_bytes: measured memory of loading and running the model, if it was measured.
    """

    name: str
    license: str
    inputs: tuple[InputSpec, ...]
    output: ImageSpec
    output_shape: tuple[int, ...]
    model: str
    proven_with: str
    tolerance: float = 0.0
    peak_bytes: int | None = None


@dataclass(frozen=True)
class Tensor:
    """An input or the output.

    Attributes:
        name: in the model.
        shape: with a batch of 1.
        source: where values come from: ``normal``, ``uniform``, ``classes``, ``picture``, ``samples``
            (the user's own arrays), or ``generator`` (the output).
        low, high: what pixels 0 and 255 are mapped to; 0 and 0 for what is no picture.
        clipped: to this range by the model's first operation, or None.
        classes: of labels, how many there are; else 0.
        labels: their names, where they are known.
    """

    name: str
    shape: tuple[int, ...]
    source: str
    low: float = 0.0
    high: float = 0.0
    clipped: tuple[float, float] | None = None
    classes: int = 0
    labels: tuple[str, ...] = ()

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def dtype(self) -> str:
        return "int64" if self.classes else "float32"

    @property
    def bytes(self) -> int:
        """Of one sample."""
        return self.elements * (8 if self.classes else 4)

    @property
    def is_picture(self) -> bool:
        return len(self.shape) == 4 and self.shape[1] in (1, 3) and self.high > self.low

    @property
    def from_pixel(self) -> str:
        """Formula that maps a picture's bytes to values."""
        span = self.high - self.low
        return f"pixel{'' if span == 1 else f' * {span:.9g}'} / 255{_term(self.low)}"

    @property
    def to_pixel(self) -> str:
        """Formula that maps values to a picture's bytes."""
        shifted = f"(value{_term(-self.low)})" if self.low else "value"
        return f"clamp(round({shifted} * {255 / (self.high - self.low):.9g}), 0, 255)"

    @property
    def law(self) -> str:
        """The source in words."""
        values = "value" if self.elements == 1 else f"{self.elements} values"
        return {
            "normal": f"{values}, each drawn independently from the standard normal distribution "
            "(mean 0, variance 1), not truncated",
            "uniform": f"{values}, each drawn independently and uniformly from [-1, 1)",
            "classes": f"{'a class' if self.elements == 1 else f'{self.elements} classes'}, a whole "
            f"number from 0 to {self.classes - 1}",
            "picture": f"a picture of {'x'.join(str(side) for side in self.shape[:1:-1])} pixels "
            f"({'gray' if self.shape[1:2] == (1,) else 'RGB'}), as below",
            "samples": f"{values}, prepared the way the generator's training data was; "
            "the golden file shows some",
            "generator": "the image",
        }[self.source]


@dataclass(frozen=True)
class Description:
    """What the templates see.

    Attributes:
        delivery, facts: as given, as read.
        inputs, output: in the model's order.
        samples: in each golden file.
        minimum: oldest version of ONNX Runtime that is known to serve; see ``minimum_version``.
        ort: the converted model, if the ``.ort`` format serves it.
        providers: what accelerators would take.
    """

    delivery: Delivery
    facts: ModelFacts
    inputs: tuple[Tensor, ...]
    output: Tensor
    samples: int
    minimum: str
    ort: OrtFiles | None
    providers: tuple[Partitioning, ...]

    @property
    def model(self) -> str:
        """The file to ship, relative to the hand-off folder."""
        return self.ort.model.name if self.ort else self.delivery.model

    @property
    def pictures(self) -> tuple[Tensor, ...]:
        """Inputs that are pictures."""
        return tuple(tensor for tensor in self.inputs if tensor.source == "picture")

    @property
    def drawn(self) -> bool:
        """Whether every input has a law to draw from."""
        return all(tensor.source in ("normal", "uniform", "classes") for tensor in self.inputs)


def describe(
    delivery: Delivery,
    facts: ModelFacts,
    samples: int,
    ort: OrtFiles | None,
    providers: tuple[Partitioning, ...],
) -> Description:
    """Collect what the templates need."""
    low, high = delivery.output.value_range
    return Description(
        delivery=delivery,
        facts=facts,
        inputs=tuple(_input(spec, facts) for spec in delivery.inputs),
        output=Tensor(delivery.output.name, (1, *delivery.output_shape), "generator", low, high),
        samples=samples,
        minimum=minimum_version(facts.opset, facts.weight_bits),
        ort=ort,
        providers=providers,
    )


def minimum_version(opset: int, weight_bits: int) -> str:
    """Oldest ONNX Runtime that gives the golden images.

    Found by running fashion-dcgan's models on the releases of PyPI from 1.17.3 to 1.31.1 (x86-64
    with VNNI): 8-bit files load from 1.18 on, but up to 1.22.1 the graph is fused differently and
    images differ by up to 0.04; 4-bit files are refused up to 1.22.1 (no ``Cast`` of int4); opset
    25 and 2-bit files are refused up to 1.23.2. There is no 1.24.0.
    """
    return "1.24.1" if opset > 23 or weight_bits == 2 else "1.23.0"


def _term(value: float) -> str:
    """What a formula adds; nothing for 0."""
    return f" {'+' if value > 0 else '-'} {abs(value):.9g}" if value else ""


def _input(spec: InputSpec, facts: ModelFacts) -> Tensor:
    clipped = facts.input_ranges.get(spec.name)
    shape = (1, *spec.shape)
    if spec.data is None or spec.law == "classes":
        return Tensor(
            spec.name,
            shape,
            spec.law,
            clipped=clipped,
            classes=spec.classes or 0,
            labels=spec.labels or (),
        )
    if len(spec.shape) == 3 and PurePosixPath(spec.data).suffix.lower() != ".npz":
        return Tensor(spec.name, shape, "picture", *spec.value_range, clipped=clipped)
    return Tensor(spec.name, shape, "samples", clipped=clipped)
