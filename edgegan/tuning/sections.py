"""The recipe's section ``tune``: how a calibrated graph learns from its float original.

Two ways, both of Andreev et al. 2021: block reconstruction (section 3.5), which needs no loss on images and
minutes, and quantization-aware training (section 3.6).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgegan.card import NetworkSection
from edgegan.quantization.weight_quantizers.names import FEWEST_BITS
from edgegan.schema import Strict

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class ReconstructionSection(Strict):
    """Block after block, until it gives on its inputs what the float one does.

    Attributes:
        rounding: ``adaptive`` learns which way each weight is rounded (AR-BRECQ), ``straight-through``
            the weights and their scales (STE-BRECQ).
        images: that are learned from.
        batch_size: images a step.
        steps: of each block; by default 20,000 of adaptive rounding and 2,000 of straight-through.
        warmup: share of the steps without the regularizer of adaptive rounding.
        inputs: of a block: those that the ``quantized`` blocks in front give, or the ``float`` ones.
        gradient_weighting: whether errors count by the squared gradient of the image's error.
        learning_rate: of what makes the weights: of weights and biases, by default 1e-4; of the rounding
            variables, by default 20 / steps.
        quantizer_rate: of scales and zero points, relative to their size.
    """

    rounding: Literal["adaptive", "straight-through"] = "straight-through"
    images: Annotated[int, Field(ge=2)] = 896
    batch_size: Count = 16
    steps: Count | None = None
    warmup: Share = 0.2
    inputs: Literal["quantized", "float"] = "quantized"
    gradient_weighting: bool = False
    learning_rate: Positive | None = None
    quantizer_rate: Positive = 1e-3

    @property
    def resolved_steps(self) -> int:
        return self.steps or (20_000 if self.rounding == "adaptive" else 2_000)

    def rate_over(self, steps: int) -> float:
        """The learning rate of ``steps`` steps.

        A rounding variable has a way to go until it is decided, and a step of Adam is as long as the rate:
        with fewer steps each must be longer. The 20 gives BRECQ's 1e-3 over its 20,000.
        """
        return self.learning_rate or (20 / steps if self.rounding == "adaptive" else 1e-4)


class LossSection(Strict):
    """What an image of the quantized generator is judged by; weights of a sum.

    Attributes:
        adversarial: of the least-squares GAN loss (Mao et al. 2017).
        content, style: of the perceptual losses (Johnson et al. 2016) to the float generator's image.
        pixel: of the mean squared error to it.
        perceptual: the network of content and style: one of the zoo by name; by default the model's
            feature network.
    """

    adversarial: Weight = 0.0
    content: Weight = 1.0
    style: Weight = 0.0
    pixel: Weight = 0.0
    perceptual: str | None = None

    @model_validator(mode="after")
    def _something(self) -> LossSection:
        if not (self.adversarial or self.content or self.style or self.pixel):
            raise ValueError("at least one weight must be above 0")
        return self


class DiscriminatorWeightsSection(Strict):
    """Quantization of the discriminator's weights while it judges (Wang et al. 2019), per tensor.

    Attributes:
        quantizer: how levels are found.
        bits: of a weight.
    """

    quantizer: Literal["min-max", "log", "tanh", "em"] = "em"
    bits: Annotated[int, Field(ge=1, le=8)]

    @model_validator(mode="after")
    def _enough(self) -> DiscriminatorWeightsSection:
        if self.bits < FEWEST_BITS[self.quantizer][0]:
            raise ValueError(
                f"{self.quantizer} takes {FEWEST_BITS[self.quantizer][0]} bits at least"
            )
        return self


class DistillationSection(Strict):
    """Quantization-aware training against the float generator on stored latents.

    Attributes:
        images: that are stored: the float generator's, with their inputs.
        batch_size: images a step.
        steps: optimizer steps.
        observe: share of the steps in which ranges follow the moving average of what is observed
            (MA-QAT); then they stay, or are learned.
        learn_ranges: whether scales and zero points are learned (LSQ-QAT).
        learning_rate: of weights and biases; falls to 0 along a cosine.
        quantizer_rate: of scales and zero points, relative to their size.
        discriminator_rate: of the discriminator.
        loss: what is minimized.
        real: what the discriminator takes for real: images of the ``teacher``, the float generator, or
            of ``data``.
        data: folder of real pictures or of a data set's files.
        discriminator: one's own; by default the zoo model's.
        discriminator_weights: quantizes them.
        precision: of convolutions and matrix products; ``bfloat16`` is faster where a processor has it,
            and weights, ranges and grids stay float32.
    """

    images: Annotated[int, Field(ge=2)] = 10_000
    batch_size: Count = 32
    steps: Count = 4_000
    observe: Share = 0.0
    learn_ranges: bool = True
    learning_rate: Positive = 1e-4
    quantizer_rate: Positive = 1e-3
    discriminator_rate: Positive = 1e-4
    loss: LossSection = LossSection()
    real: Literal["teacher", "data"] = "teacher"
    data: str | None = None
    discriminator: NetworkSection | None = None
    discriminator_weights: DiscriminatorWeightsSection | None = None
    precision: Literal["float32", "bfloat16"] = "float32"

    @model_validator(mode="after")
    def _judged(self) -> DistillationSection:
        if (self.real == "data") != (self.data is not None):
            raise ValueError("`real: data` and `data: FOLDER` go together")
        asked = self.data or self.discriminator or self.discriminator_weights
        if asked and not self.loss.adversarial:
            raise ValueError("a discriminator counts only with `loss.adversarial` above 0")
        return self


class TuneSection(Strict):
    """Exactly one of the two ways.

    Attributes:
        seed: of everything random, and of the inputs that are learned from.
        budget: what all steps are multiplied by; stands beside every number made with it.
    """

    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 2
    budget: Annotated[float, Field(gt=0, le=100)] = 1.0
    reconstruction: ReconstructionSection | None = None
    distillation: DistillationSection | None = None

    @model_validator(mode="after")
    def _one_way(self) -> TuneSection:
        if (self.reconstruction is None) == (self.distillation is None):
            raise ValueError("must have exactly one of reconstruction and distillation")
        return self

    def scaled(self, steps: int) -> int:
        """Steps within the budget, at least 1."""
        return max(1, round(steps * self.budget))
